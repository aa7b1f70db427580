import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("../../dist/examples/orders/main.js", import.meta.url));
const TIMEOUT_MS = 120_000;

it("the order service rebuilds its orders from snapshots and events, and its sales by replay, to the same", async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [PROGRAM], { timeout: TIMEOUT_MS });
  // Four clerks do the same commands at once: without conflicts and refusals nothing was proved.
  expect(stdout).toMatch(/^commands {3}[1-9]\d* conflicts decided again, [1-9]\d* refused$/m);
  expect(stdout).toMatch(/^log {8}\d{3} events and [1-9]\d* snapshots of 60 orders$/m);
  expect(stdout).toContain("orders     equal from their snapshots and from their first events\n");
  expect(stdout).toMatch(/^sales {6}\{"ada":\{"orders":15,"paidCents":[1-9]/m);
  expect(stdout).toMatch(/replayed {3}from offset 0 to the same sales\n$/);
  expect(stderr).toBe("");
});
