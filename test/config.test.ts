import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { loadConfig, ServerConfigSchema, type SettingSources } from "../src/config.ts";
import { StartError } from "../src/errors/index.ts";

const load = (sources: Partial<SettingSources>) => loadConfig({ flags: {}, environment: {}, ...sources });
const yaml = (text: string) => ({ file: { name: "millrace.yaml", text } });

describe("settings", () => {
  it("have defaults that keep to this machine", () => {
    expect(load({})).toMatchObject({ host: "127.0.0.1", port: 7171, data: "./data", topicDefaults: {} });
  });

  it("come from flags before the environment before the file", () => {
    const environment = { MILLRACE_PORT: "2", MILLRACE_BROKER_ID: "5" };
    const file = yaml("port: 3\ndata: /from/file\nlog-level: warn\n");
    expect(load({ flags: { port: "1" }, environment, ...file })).toMatchObject({
      port: 1,
      brokerId: 5,
      data: "/from/file",
      logLevel: "warn",
    });
  });

  it("of topics come as a map", () => {
    expect(load(yaml("topicDefaults:\n  retention.ms: 1000\n")).topicDefaults).toEqual({
      "retention.ms": "1000",
    });
  });

  it("are all handed on: none is accepted and then forgotten", async () => {
    const server = await readFile(new URL("../src/server.ts", import.meta.url), "utf8");
    const names = Object.keys(ServerConfigSchema.shape);
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !new RegExp(`\\bconfig\\.${name}\\b`).test(server))).toEqual([]);
  });

  it.each([
    [{ flags: { port: "70000" } }, '--port is "70000": must be a whole number from 0 to 65535'],
    [{ environment: { MILLRACE_PORT: "" } }, 'MILLRACE_PORT is "": must be a whole number'],
    [{ environment: { MILLRACE_PORT: "1e3" } }, 'MILLRACE_PORT is "1e3"'],
    [yaml("port: -1"), "port in millrace.yaml is -1"],
    [yaml("prot: 1"), "there is no setting prot in millrace.yaml; known: data, host, port"],
    [yaml("- a list"), "name: value"],
    [yaml("a: b: c"), "not valid YAML"],
    [{ flags: { host: "0.0.0.0" } }, "set --advertise HOST:PORT"],
    [{ flags: { advertise: "nowhere" } }, "must be HOST:PORT"],
  ])("%j are refused by name", (sources, text) => {
    expect(() => load(sources as Partial<SettingSources>)).toThrow(StartError);
    expect(() => load(sources as Partial<SettingSources>)).toThrow(text);
  });
});
