import { elementTexts, memberTexts } from "./json-source.ts";

/** A JSON object that knows the text of its members as it was written. */
export class JsonObject {
  readonly #values: Readonly<Record<string, unknown>>;
  /** The text of the object, which few need. */
  readonly #source: () => string;
  #texts: Map<string, string> | undefined;

  private constructor(values: Readonly<Record<string, unknown>>, source: () => string) {
    this.#values = values;
    this.#source = source;
  }

  /** Takes a parsed value and its source. Throws an Error that names `what` if it is no object. */
  static of(value: unknown, source: () => string, what: string): JsonObject {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return new JsonObject(value as Record<string, unknown>, source);
    }
    throw new Error(`${what} must be a JSON object`);
  }

  get names(): string[] {
    return Object.keys(this.#values);
  }

  /** The value of a member; undefined if there is none. */
  get(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  /** The JSON of a member that exists, exactly as written. */
  textOf(name: string): string {
    this.#texts ??= memberTexts(this.#source());
    return this.#texts.get(name)!;
  }

  /** The elements of a member that is a list, which must all be objects. Throws an Error that names `what`. */
  listOf(name: string, what: string): JsonObject[] {
    let texts: string[] | undefined;
    return (this.#values[name] as unknown[]).map((value, index) => {
      const source = () => {
        texts ??= elementTexts(this.textOf(name));
        return texts[index]!;
      };
      return JsonObject.of(value, source, what);
    });
  }
}
