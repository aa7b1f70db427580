import type { FileSystem } from "../../src/fs/index.ts";
import { type BatchHeader, RecordCursor } from "../../src/record/index.ts";
import { recordFields } from "../records/record-json.ts";
import { OFFSET_ENTRY_BYTES, offsetEntry, TIME_ENTRY_BYTES, timeEntry } from "./index-entries.ts";
import type { IndexFile, SegmentFiles } from "./log-files.ts";
import { walkBatches } from "./walk-batches.ts";

/** One thing in a file, as JSON shows it; `kind` says which fields there are. */
export type DumpItem =
  | ({ readonly kind: "batch"; readonly file: string; readonly position: number } & BatchFields)
  | {
      readonly kind: "record";
      readonly offset: number;
      readonly timestamp: number;
      readonly [field: string]: unknown;
    }
  | {
      readonly kind: "damage";
      readonly file: string;
      readonly position: number;
      readonly bytes: number;
      readonly fault: string;
      readonly problem: string;
    }
  | {
      readonly kind: "offset-index";
      readonly file: string;
      readonly lastOffset: number;
      readonly position: number;
    }
  | {
      readonly kind: "time-index";
      readonly file: string;
      readonly timestampMs: number;
      readonly offset: number;
    };

/** The header of a batch, with the names that FORMAT.md uses. */
type BatchFields = Pick<
  BatchHeader,
  | "baseOffset"
  | "leaderEpoch"
  | "crc"
  | "compression"
  | "timestampType"
  | "isTransactional"
  | "isControl"
  | "maxTimestampMs"
  | "producerId"
  | "producerEpoch"
  | "baseSequence"
  | "recordCount"
  | "deleteHorizonMs"
> & { readonly lastOffset: number; readonly bytes: number };

/** Takes what is dumped. */
export interface DumpTarget {
  item(item: DumpItem): void;
  /** As a BatchWalker's. */
  next(): "go on" | "wait" | "stop";
  room(): Promise<void>;
}

const INDEX_FILE_BYTES_MAX = 512 * 1_048_576;

/** Dumps the batches of a .log, with their records if asked for. Damage is told in its place. */
export async function dumpLog(
  fs: FileSystem,
  { logPath: file }: SegmentFiles,
  withRecords: boolean,
  target: DumpTarget,
): Promise<void> {
  const handle = await fs.open(file, "read");
  const cursor = new RecordCursor();
  try {
    await walkBatches(handle, await handle.size(), {
      next: () => target.next(),
      room: () => target.room(),
      batch(header, position, bytes) {
        target.item({ kind: "batch", file, position, ...batchFields(header) });
        if (!withRecords) return;
        cursor.reset(bytes);
        while (cursor.next()) target.item({ kind: "record", ...recordFields(cursor) });
      },
      damage({ position, end, fault, problem }) {
        target.item({ kind: "damage", file, position, bytes: end - position, fault, problem });
      },
    });
  } finally {
    await handle.close();
  }
}

/** Dumps the entries of an .index or .timeindex file. */
export async function dumpIndex(
  fs: FileSystem,
  { file, baseOffset }: IndexFile,
  target: DumpTarget,
): Promise<void> {
  const content = await fs.readFile(file, INDEX_FILE_BYTES_MAX);
  const isTime = file.endsWith(".timeindex");
  const entryBytes = isTime ? TIME_ENTRY_BYTES : OFFSET_ENTRY_BYTES;
  for (let number = 0; (number + 1) * entryBytes <= content.length; number++) {
    const next = target.next();
    if (next === "stop") return;
    if (next === "wait") await target.room();
    target.item(
      isTime
        ? { kind: "time-index", file, ...timeEntry(content, number, baseOffset) }
        : { kind: "offset-index", file, ...offsetEntry(content, number, baseOffset) },
    );
  }
}

function batchFields(header: BatchHeader): BatchFields {
  const {
    sizeInBytes: bytes,
    lastOffsetDelta,
    magic: _magic,
    attributes: _attributes,
    baseTimestampMs: _base,
    ...rest
  } = header;
  return { lastOffset: header.baseOffset + lastOffsetDelta, bytes, ...rest };
}
