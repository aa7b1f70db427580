import { connect } from "millrace";

const client = await connect({ brokers: "127.0.0.1:7171" });
const accounts = client.streams("accounts");

/** Takes money from an account that has it; returns what is left. */
async function withdraw(account: string, cents: number): Promise<number> {
  let balance = 0;
  let expected: number | "none" = "none";
  for await (const { type, value, revision } of accounts.read(account)) {
    balance += (type === "Withdrawn" ? -1 : 1) * JSON.parse(String(value)).cents;
    expected = revision!;
  }
  if (balance < cents) throw new Error(`${account} has only ${balance}`);
  const event = { type: "Withdrawn", value: JSON.stringify({ cents }) };
  const { outcome } = await accounts.tryAppend(account, [event], { expected });
  return outcome === "appended" ? balance - cents : withdraw(account, cents); // another was faster: decide again
}

const left = await Promise.all([withdraw("ada", 1_000), withdraw("ada", 2_000)]);
console.log(`ada has ${Math.min(...left)} cents left`);
await client.close();
