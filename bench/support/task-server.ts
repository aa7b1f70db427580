/**
 * Processes of the bench do tasks for the main one, one after another or at once, over Node's IPC channel. This is the
 * side that does them; worker-process.ts is the other.
 */

/** What a process can do: functions of one task, by name. */
export type TaskSet<Tasks> = { readonly [Name in keyof Tasks]: (task: never) => Promise<unknown> };

/** A task on its way to the process. */
export interface TaskRequest {
  readonly id: number;
  readonly name: string;
  readonly task: unknown;
}

/** Its result on the way back. */
export interface TaskAnswer {
  readonly id: number;
  readonly answer?: unknown;
  /** Set if it failed. */
  readonly error?: string;
}

/** Does the tasks that come until the main process goes. */
export function serveTasks<Tasks extends TaskSet<Tasks>>(tasks: Tasks): void {
  process.on("message", (request) => {
    void answer(tasks, request as TaskRequest).then((result) => process.send?.(result));
  });
  process.on("disconnect", () => process.exit());
}

async function answer<Tasks extends TaskSet<Tasks>>(
  tasks: Tasks,
  { id, name, task }: TaskRequest,
): Promise<TaskAnswer> {
  try {
    return { id, answer: await tasks[name as keyof Tasks](task as never) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
