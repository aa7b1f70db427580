import { execFileSync, spawnSync } from "node:child_process";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/index.ts";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import { ioOf } from "../../cli/io.ts";
import { buildProgram } from "../../cli/program.ts";
import { runCli } from "./run-cli.ts";

const io = ioOf(process, { fs: new MemoryFileSystem(), clock: systemClock, onSignal: () => () => {} });

/** All commands with their paths, the program's own left out. */
function commandsOf(command: Command, path: readonly string[] = []): { path: string[]; command: Command }[] {
  return command.commands.flatMap((child) => {
    const childPath = [...path, child.name()];
    return [{ path: childPath, command: child }, ...commandsOf(child, childPath)];
  });
}

const all = commandsOf(buildProgram(io));

describe("the tree of commands", () => {
  it("holds these commands and no others", () => {
    expect(all.map(({ path }) => path.join(" ")).sort()).toEqual(
      [
        "start",
        "topic",
        ...["list", "describe", "create", "alter", "add-partitions", "delete", "trim"].map(
          (verb) => `topic ${verb}`,
        ),
        "group",
        ...["list", "describe", "seek", "delete", "delete-offsets"].map((verb) => `group ${verb}`),
        "produce",
        "consume",
        "stream",
        ...["append", "describe", "read"].map((verb) => `stream ${verb}`),
        "cluster",
        "cluster info",
        "cluster health",
        "bench",
        "bench produce",
        "bench consume",
        "log",
        "log dump",
        "log verify",
        "context",
        ...["add", "list", "use", "remove"].map((verb) => `context ${verb}`),
        "completion",
        "version",
      ].sort(),
    );
  });

  it("teaches each command by a description and examples that begin with it", async () => {
    for (const { path, command } of all) {
      const name = path.join(" ");
      const { exitCode, stdout } = await runCli([...path, "--help"]);
      expect(exitCode, name).toBe(0);
      expect(command.description(), name).toMatch(/^[A-Z].*\.$/s);
      expect(stdout, name).toMatch(/\nExamples:\n {2}\S/);
      const examples = stdout.slice(stdout.indexOf("\nExamples:"));
      expect(examples, name).toMatch(new RegExp(`millrace (?:--\\S+ \\S+ )?${path[0]}`));
    }
  });

  it("gives only examples that its own grammar takes", () => {
    for (const { path, command } of all) {
      if (command.commands.length > 0) continue;
      const longs = [...command.options, ...buildProgram(io).options].map(({ long }) => long);
      let help = "";
      command.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      command.outputHelp();
      const examples = help.slice(help.indexOf("\nExamples:")).split("\n");
      const own = examples.filter((line) => line.includes(`millrace ${path.join(" ")}`));
      for (const line of own) {
        const [typed = ""] = line
          .split(`millrace ${path.join(" ")}`)
          .slice(1)
          .join("")
          .split("|");
        for (const [flag] of typed.matchAll(/(?<=\s)--[a-z-]+/g)) expect(longs, line).toContain(flag);
      }
    }
  });

  it("prints help to stdout when asked, and to stderr when a verb is missing", async () => {
    expect(await runCli(["--help"])).toMatchObject({
      exitCode: 0,
      stderr: "",
      stdout: expect.stringContaining("Usage:"),
    });
    expect(await runCli([])).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringContaining("Usage:"),
    });
    expect((await runCli(["help", "topic"])).stdout).toContain("Usage: millrace topic");
  });

  it("uses colours on a terminal, unless told not to", async () => {
    const help = async (args: string[], isTerminal: boolean, env = {}) =>
      (await runCli([...args, "context", "list"], { isTerminal, env })).stdout.includes("\x1b[");
    expect(await help([], true)).toBe(true);
    expect(await help([], false)).toBe(false);
    expect(await help(["--no-color"], true)).toBe(false);
    expect(await help([], true, { NO_COLOR: "1" })).toBe(false);
    expect(await help([], true, { NO_COLOR: "" })).toBe(true);
    expect(await help([], true, { TERM: "dumb" })).toBe(false);
  });

  it("tells its version", async () => {
    expect((await runCli(["version"])).stdout).toMatch(/^millrace \d+\.\d+\.\d+ \(node \d+/);
    expect((await runCli(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

const hasBash = spawnSync("bash", ["--version"]).status === 0;

describe("completion", () => {
  it("knows every command and option in every shell", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { stdout } = await runCli(["completion", shell]);
      for (const { path, command } of all) {
        expect(stdout, shell).toContain(path.join(" "));
        for (const { long } of command.options)
          expect(stdout, shell).toContain(shell === "fish" ? long!.slice(2) : long!);
      }
    }
    expect((await runCli(["completion", "tcsh"])).exitCode).toBe(2);
  });

  it.skipIf(!hasBash)("completes commands, options and values in bash", async () => {
    const { stdout: script } = await runCli(["completion", "bash"]);
    const complete = (...typed: string[]) => {
      const quoted = typed.map((word) => `'${word}'`).join(" ");
      const ask = `COMP_WORDS=(millrace ${quoted}); COMP_CWORD=${typed.length}; _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return execFileSync("bash", ["-c", `${script}\n${ask}`], { encoding: "utf8" })
        .trim()
        .split("\n");
    };
    expect(complete("to")).toEqual(["topic"]);
    expect(complete("group", "delete")).toEqual(["delete", "delete-offsets"]);
    expect(complete("group", "seek", "billing", "--to-")).toEqual(["--to-group"]);
    expect(complete("topic", "de")).toEqual(["describe", "delete"]);
    expect(complete("stream", "")).toEqual(["append", "read", "describe"]);
    expect(complete("stream", "append", "orders", "o-1", "--ex")).toEqual(["--expect"]);
    expect(complete("stream", "append", "orders", "o-1", "--format", "")).toEqual(["line", "json"]);
    expect(complete("stream", "read", "orders", "o-1", "--from")).toEqual(["--from", "--from-snapshot"]);
    expect(complete("topic", "create", "orders", "--pa")).toEqual(["--partitions"]);
    expect(complete("topic", "list", "-o", "")).toEqual(["table", "json", "yaml"]);
    expect(complete("produce", "orders", "--compression", "z")).toEqual(["zstd"]);
    expect(complete("--output", "json", "cluster", "")).toEqual(["info", "health"]);
    expect(complete("completion", "f")).toEqual(["fish"]);
    expect(complete("produce", "orders", "--file", "")).toEqual([""]);
  });
});
