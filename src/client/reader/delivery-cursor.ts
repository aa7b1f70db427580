import { readBatchSize, RecordCursor } from "../../record/index.ts";
import type { ConsumedRecordCursor } from "../api/reader.ts";

/** Walks over the records of several batches that follow one another, skipping those below an offset. */
export class DeliveryCursor extends RecordCursor implements ConsumedRecordCursor {
  readonly #bytes: Buffer;
  readonly #firstOffset: number;
  #nextBatch = 0;

  constructor(bytes: Buffer, firstOffset: number) {
    super();
    this.#bytes = bytes;
    this.#firstOffset = firstOffset;
  }

  override next(): boolean {
    for (;;) {
      while (this.#nextBatch > 0 && super.next()) if (this.offset >= this.#firstOffset) return true;
      if (this.#nextBatch >= this.#bytes.length) return false;
      const position = this.#nextBatch;
      this.reset(this.#bytes, position);
      this.#nextBatch = position + readBatchSize(this.#bytes, position)!;
    }
  }
}
