// Packs the package, installs it into an empty folder as a user would, and uses all three entrances: the SDK, the
// embedded broker and the command.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { check, run } from "./commands.js";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAM = `
import { connect } from "millrace";
import { startBroker } from "millrace/embedded";

const broker = await startBroker({ memory: true });
const client = await connect({ brokers: broker.endpoint });
await client.admin().createTopic({ name: "rivers", partitionCount: 1 });
const producer = client.producer();
await producer.send("rivers", { key: "Elbe", value: "1094 km" });
await producer.close();
const reader = client.reader();
await reader.assign([{ topic: "rivers", from: "start" }]);
for await (const record of reader.records({ stopAtEnd: true })) console.log(String(record.key), String(record.value));
await reader.close();
await client.close();
await broker.close();
`;
const CHECKED_TYPES = `
import { connect, type Client, type ConsumedRecord } from "millrace";
import { startBroker } from "millrace/embedded";
export const client: Promise<Client> = connect({ brokers: "127.0.0.1:7171" });
export const value = (record: ConsumedRecord): Buffer | null => record.value;
type IsAny<Type> = 0 extends 1 & Type ? true : false;
export const isAny: IsAny<ConsumedRecord["value"]> = false;
export const endpoint: Promise<string> = startBroker({ memory: true }).then((broker) => broker.endpoint);
`;

const folder = mkdtempSync(join(tmpdir(), "millrace-ci-"));
try {
  const [{ filename, files }] = JSON.parse(
    run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: PROJECT }),
  );
  const paths = files.map(({ path }) => path);
  const strange = paths.filter(
    (path) => !/^(dist\/(src|cli)\/|proto\/|LICENSE$|README\.md$|package\.json$)/.test(path),
  );
  check(
    strange.length === 0 && !paths.includes("proto/baseline.binpb"),
    `the package holds too much: ${strange}`,
  );

  const user = join(folder, "user");
  mkdirSync(user);
  writeFileSync(join(user, "package.json"), `{ "private": true, "type": "module" }\n`);
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", join(folder, filename)], {
    cwd: user,
  });

  writeFileSync(join(user, "program.js"), PROGRAM);
  const printed = run(process.execPath, ["program.js"], { cwd: user, timeout: 60_000 }).trim();
  check(printed === "Elbe 1094 km", `the program that uses the package printed ${JSON.stringify(printed)}`);

  const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
  const told = run("npx", ["--no-install", "millrace", "version"], { cwd: user, timeout: 60_000 });
  check(told.includes(version), `millrace version tells ${JSON.stringify(told)}, not ${version}`);

  // With no types but those that the package brings, which is what newer compilers presume.
  const compilerOptions = { noEmit: true, strict: true, module: "nodenext", target: "es2023", types: [] };
  writeFileSync(join(user, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }));
  writeFileSync(join(user, "types.ts"), CHECKED_TYPES);
  run(process.execPath, [join(PROJECT, "node_modules/typescript/bin/tsc")], { cwd: user });
  console.log(`${filename}: ${paths.length} files, installed and used on Node ${process.version}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
