import { millrace } from "../gen/millrace.js";
import { FieldReader, WireFormatError, WireType } from "../wire/index.ts";

/** Most events of one append. */
const EVENTS_MAX = 1_000;
/** Most headers of all events of one append: each becomes an object. */
const HEADERS_MAX = 100_000;
/** Number of AppendEventsRequest.events, and of NewEvent.headers. */
const EVENTS_FIELD = 5;
const HEADERS_FIELD = 3;

/** A request with the size of its frame, which lives as long as what views it. */
export interface FramedAppendEvents {
  readonly request: millrace.v1.AppendEventsRequest;
  readonly frameBytes: number;
}

/** Decodes a request, whose events and headers are counted before anything is built of them. */
export function decodeAppendEvents(frame: Buffer): FramedAppendEvents {
  const reader = new FieldReader(frame);
  let events = 0;
  let headers = 0;
  while (reader.next()) {
    if (reader.field !== EVENTS_FIELD || reader.wireType !== WireType.DELIMITED) reader.skip();
    else {
      headers += countHeaders(reader.bytes());
      if (++events > EVENTS_MAX) throw new WireFormatError(`more than ${EVENTS_MAX} events in one append`);
      if (headers > HEADERS_MAX) throw new WireFormatError(`more than ${HEADERS_MAX} headers in one append`);
    }
  }
  return { request: millrace.v1.AppendEventsRequest.decode(frame), frameBytes: frame.length };
}

function countHeaders(event: Buffer): number {
  const reader = new FieldReader(event);
  let headers = 0;
  while (reader.next()) {
    if (reader.field === HEADERS_FIELD) headers++;
    reader.skip();
  }
  return headers;
}
