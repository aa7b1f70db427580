/** Why a broker cannot start; names the cause and what mends it. For people and exit codes, never sent. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly reason: StartFailure;

  constructor(reason: StartFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** What keeps a broker from starting. */
export type StartFailure =
  | "DATA_FOLDER_LOCKED"
  | "DATA_FOLDER_UNUSABLE"
  | "METADATA_DAMAGED"
  | "ADDRESS_IN_USE"
  | "ADDRESS_UNUSABLE"
  | "INVALID_SETTING";
