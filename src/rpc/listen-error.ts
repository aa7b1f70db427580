/** What to do about the ways in which listening fails. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there: stop it, or choose another port with --port",
  EACCES: "this user may not open that port: choose one above 1023 with --port",
  EADDRNOTAVAIL: "this machine has no such address: choose one of its own with --host",
  ENOTFOUND: "the name of the host is not known: choose an address of this machine with --host",
};

/** The server cannot listen at its address. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** The system's code, such as EADDRINUSE. */
  readonly code: string;
  /** Where it tried, "host:port". */
  readonly address: string;

  constructor(address: string, cause: NodeJS.ErrnoException) {
    const code = cause.code ?? "UNKNOWN";
    super(`cannot listen on ${address}: ${REMEDIES[code] ?? cause.message} (${code})`, { cause });
    this.code = code;
    this.address = address;
  }
}
