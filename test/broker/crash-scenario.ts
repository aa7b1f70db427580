import { CHECKPOINT_MS, type CrashWorld, RETENTION_MS } from "./crash-world.ts";

/**
 * The life of two topics, one durable and one not, through everything that touches the disk: creation, rolls, group
 * commits, checkpoints, trims, retention, a clean stop and start, and a third topic that comes and goes.
 */
export async function liveThrough(world: CrashWorld): Promise<void> {
  await world.open();
  await world.createTopic("orders", { "segment.bytes": "1024", "index.interval.bytes": "100" });
  const unflushed = { "flush.mode": "written", "flush.messages": "5", "retention.bytes": "1200" };
  await world.createTopic("clicks", { ...unflushed, "segment.bytes": "1024", "index.interval.bytes": "100" });
  await world.produce("orders", [1]);
  await world.produce("orders", [2, 1, 3], "durable");
  await world.produce("clicks", [2, 2, 2]);
  await world.produce("orders", [2], "written");
  await world.pass(CHECKPOINT_MS);
  for (let i = 0; i < 3; i++) await world.produce("orders", [3, 1]);
  await world.read("orders");
  await world.pass(CHECKPOINT_MS);
  await world.trim("orders", 7);
  for (let i = 0; i < 4; i++) await world.produce("clicks", [2, 3], i === 1 ? "durable" : undefined);
  await world.read("clicks");
  await produceTwice(world);
  await comeAndGo(world);
  await world.pass(RETENTION_MS);
  await world.pass(60_000);
  await world.produce("clicks", [1]);
  await world.close();
  await world.open();
  await world.read("orders");
  await world.produce("orders", [4, 4]);
  await world.pass(CHECKPOINT_MS);
  await world.produce("clicks", [2]);
  await world.produce("orders", [1], "written");
}

/** An idempotent producer that did not hear the first answer. */
async function produceTwice(world: CrashWorld): Promise<void> {
  const sent = world.ledgers.get("orders")!.send(2);
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
  await world.step("producing", () => world.send("orders", sent, "durable", { producer }));
  await world.step("retrying", () => world.send("orders", sent, "durable", { producer }));
}

async function comeAndGo(world: CrashWorld): Promise<void> {
  await world.createTopic("fleeting", {});
  await world.produce("fleeting", [1]);
  world.ledgers.delete("fleeting");
  await world.step("deleting", () => world.broker.deleteTopic("fleeting"));
}
