import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { TaskAnswer, TaskRequest, TaskSet } from "./task-server.ts";

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** A process that does tasks; see task-server.ts. `Tasks` is what the script serves. */
export class WorkerProcess<Tasks extends TaskSet<Tasks>> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;

  /** Starts `processes/<script>.js` with options for Node, such as those of the profiler. */
  constructor(script: string, nodeOptions: readonly string[] = []) {
    const path = fileURLToPath(new URL(`../processes/${script}.js`, import.meta.url));
    this.#child = fork(path, [], { execArgv: [...nodeOptions] });
    this.#child.on("message", (message) => this.#settle(message as TaskAnswer));
    this.#child.once("exit", (status, signal) => {
      this.#failAll(new Error(`process ${script} ended with ${signal ?? status} before its task was done`));
    });
  }

  /** Has a task done. Fails if it throws or the process ends. */
  ask<Name extends keyof Tasks & string>(
    name: Name,
    task: Parameters<Tasks[Name]>[0],
  ): Promise<Awaited<ReturnType<Tasks[Name]>>> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, name, task } satisfies TaskRequest, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  /** Ends the process and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }

  #settle({ id, answer, error }: TaskAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(answer as never);
    else waiting?.reject(new Error(error));
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
