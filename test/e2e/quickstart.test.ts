import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { BrokerProcess } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { readFile, writeFile } from "node:fs/promises";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The first code block of a language that begins with a line. */
function codeBlock(markdown: string, language: string, firstLine: string): string {
  const begin = markdown.indexOf(`\`\`\`${language}\n${firstLine}`);
  expect(begin, `the README shows ${firstLine}`).toBeGreaterThanOrEqual(0);
  const code = markdown.slice(begin + language.length + 4);
  return code.slice(0, code.indexOf("```"));
}

it("the README's first program is the example, and prints what the README says", async () => {
  const readme = await readFile(`${ROOT}/README.md`, "utf8");
  const example = await readFile(`${ROOT}/examples/quickstart.ts`, "utf8");
  expect(codeBlock(readme, "ts", 'import { connect } from "millrace";')).toBe(example);

  const broker = await BrokerProcess.start({ dataDir: await temporaryFolder() });
  try {
    const built = await readFile(`${ROOT}/dist/examples/quickstart.js`, "utf8");
    const program = `${ROOT}/dist/examples/quickstart-${broker.port}.js`;
    await writeFile(program, built.replace("127.0.0.1:7171", broker.endpoint));
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    expect(readme).toContain(stdout);
  } finally {
    await broker.stop();
  }
});
