/** Values that belong to a log line, by name. Strings from clients go here, never into the text. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where the broker logs. The program passes pino, which has this shape; tests and embedders pass what they like. */
export interface Logger {
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
  error(fields: LogFields, text: string): void;
}

/** Logs nothing. */
export const silentLogger: Logger = {
  info() {},
  warn() {},
  error() {},
};
