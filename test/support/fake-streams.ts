import { MillraceError } from "../../src/errors/index.ts";
import type {
  AppendEventsCommand,
  AppendedEvents,
  DescribedRecords,
  ReadStreamQuery,
  RevisionConflict,
  StreamReading,
  StreamsApi,
} from "../../src/stream/index.ts";

/** Streams of a broker that has none, until a test says what they do. */
export class FakeStreams implements StreamsApi {
  onAppend: (command: AppendEventsCommand) => Promise<AppendedEvents | RevisionConflict> = refuse;
  onRead: (query: ReadStreamQuery) => Promise<StreamReading> = refuse;

  append(command: AppendEventsCommand): Promise<AppendedEvents | RevisionConflict> {
    return this.onAppend(command);
  }

  read(query: ReadStreamQuery): Promise<StreamReading> {
    return this.onRead(query);
  }

  describeRecords(): DescribedRecords {
    throw noStreams();
  }
}

async function refuse(): Promise<never> {
  throw noStreams();
}

function noStreams(): MillraceError {
  return new MillraceError("INVALID_REQUEST", "the topic has no stream index");
}
