import { MillraceError } from "../../errors/index.ts";

/** Version of the values; see FORMAT.md. Keys have none: the newest value of a key counts, whoever wrote it. */
export const VERSION = 1;

/** Reads the fields of a stored JSON object; each getter throws LOG_CORRUPT if the field is not what it must be. */
export class StoredFields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #what: string;

  private constructor(fields: Readonly<Record<string, unknown>>, what: string) {
    this.#fields = fields;
    this.#what = what;
  }

  /** A value with its version. Throws LOG_CORRUPT if it is none, or of a version that is not known here. */
  static parse(json: Buffer, what: string): StoredFields {
    const fields = StoredFields.object(json, what);
    const version = fields.count("v");
    if (version === VERSION) return fields;
    throw corrupt(what, `it has version ${version}, and this broker knows ${VERSION}; start the newer one`);
  }

  /** An object without version. Throws LOG_CORRUPT if it is none. */
  static object(json: Buffer, what: string): StoredFields {
    let parsed: unknown;
    try {
      parsed = JSON.parse(json.toString("utf8"));
    } catch (error) {
      throw corrupt(what, "it is no JSON", error);
    }
    return new StoredFields(asObject(parsed, what), what);
  }

  text(name: string): string {
    const value = this.#own(name);
    if (typeof value !== "string") throw this.#wrong(name);
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.#own(name) === undefined ? undefined : this.text(name);
  }

  /** A whole number from 0. */
  count(name: string): number {
    const value = this.#own(name);
    if (!isCount(value)) throw this.#wrong(name);
    return value;
  }

  optionalCount(name: string): number | undefined {
    return this.#own(name) === undefined ? undefined : this.count(name);
  }

  flag(name: string): boolean {
    const value = this.#own(name);
    if (typeof value !== "boolean") throw this.#wrong(name);
    return value;
  }

  optionalFlag(name: string): boolean | undefined {
    return this.#own(name) === undefined ? undefined : this.flag(name);
  }

  texts(name: string): string[] {
    const value = this.#own(name);
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw this.#wrong(name);
    return value;
  }

  /** A list of whole numbers. */
  counts(name: string): number[] {
    const value = this.#own(name);
    if (!Array.isArray(value) || !value.every(isCount)) throw this.#wrong(name);
    return value;
  }

  /** A list of objects; none if it is absent. */
  list(name: string): StoredFields[] {
    const value = this.#own(name) ?? [];
    if (!Array.isArray(value)) throw this.#wrong(name);
    return value.map((item: unknown) => new StoredFields(asObject(item, this.#what), this.#what));
  }

  #own(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  #wrong(name: string): MillraceError {
    return corrupt(this.#what, `its field ${name} is ${JSON.stringify(this.#own(name))?.slice(0, 60)}`);
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw corrupt(what, "it is no JSON object");
}

function corrupt(what: string, problem: string, cause?: unknown): MillraceError {
  const text = `a ${what} in the log of groups cannot be read: ${problem}`;
  return new MillraceError("LOG_CORRUPT", text, { cause });
}
