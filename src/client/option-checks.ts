/** Checks of options; what fails is a mistake of the program and thrown as TypeError. */

/** A whole number, or its preset if absent. */
export function wholeNumber(
  name: string,
  value: number | undefined,
  range: { readonly preset: number; readonly min: number; readonly max: number },
): number {
  const number = value ?? range.preset;
  if (!Number.isInteger(number) || number < range.min || number > range.max) {
    throw new TypeError(`${name} is ${number}: whole numbers from ${range.min} to ${range.max} are allowed`);
  }
  return number;
}

/** One of the allowed words. */
export function oneOf<const Word extends string>(name: string, value: Word, allowed: readonly Word[]): Word {
  if (!allowed.includes(value)) {
    throw new TypeError(
      `${name} is "${value}": allowed are ${allowed.map((word) => `"${word}"`).join(", ")}`,
    );
  }
  return value;
}

/** The names that options may have; the compiler keeps it complete. */
export type KnownNames<Options> = { readonly [Name in keyof Options]-?: true };

/** Refuses names that are not known: a misspelt option would leave its default in force without a word. */
export function requireKnown<Options extends object>(
  what: string,
  options: Options,
  known: KnownNames<Options>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `${what} is given ${String(options)}: an object is needed, of ${Object.keys(known).join(", ")}`,
    );
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  throw new TypeError(`${unknown} is no option of ${what}: allowed are ${Object.keys(known).join(", ")}`);
}

/** A function or nothing. */
export function requireFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw new TypeError(`${name} must be a function`);
}
