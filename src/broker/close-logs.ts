import { inParallel, type Logger } from "../base/index.ts";
import { FileSystemError } from "../fs/index.ts";
import { PartitionLog } from "../log/index.ts";

/** Closes what is a log, `limit` at a time; returns whether each was one, in order and flushed to its end. */
export async function closeLogs(logs: Iterable<unknown>, limit: number, logger: Logger): Promise<boolean> {
  let allWell = true;
  await inParallel(logs, limit, async (log) => {
    const closedWell = log instanceof PartitionLog && (await closeLog(log, logger));
    allWell &&= closedWell;
  });
  return allWell;
}

/** One that fails must not keep the others from being closed. */
async function closeLog(log: PartitionLog, logger: Logger): Promise<boolean> {
  try {
    return await log.close();
  } catch (error) {
    if (!(error instanceof FileSystemError)) throw error;
    logger.warn({ error: error.message }, "log not closed well");
    return false;
  }
}
