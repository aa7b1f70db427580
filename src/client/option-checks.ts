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

/** A function or nothing. */
export function requireFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw new TypeError(`${name} must be a function`);
}
