const SIZE = 128;

/** A set of ASCII characters: names of topics have no others. */
export class CharSet {
  static readonly NONE = new CharSet(() => false);
  static readonly DIGITS = new CharSet((code) => code >= 48 && code <= 57);
  static readonly WORD = new CharSet((code) => /\w/.test(String.fromCharCode(code)));
  static readonly SPACE = new CharSet((code) => /\s/.test(String.fromCharCode(code)));
  /** Whatever does not end a line: the dot. */
  static readonly LINE = new CharSet((code) => code !== 10 && code !== 13);

  readonly #has: readonly boolean[];

  constructor(isIn: (code: number) => boolean) {
    this.#has = Array.from({ length: SIZE }, (_, code) => isIn(code));
  }

  /** One character; the empty set for one beyond ASCII. */
  static of(code: number): CharSet {
    return CharSet.range(code, code);
  }

  /** Both ends inclusive; what lies beyond ASCII is left out. */
  static range(from: number, to: number): CharSet {
    return new CharSet((code) => code >= from && code <= to);
  }

  has(code: number): boolean {
    return this.#has[code] === true;
  }

  union(other: CharSet): CharSet {
    return new CharSet((code) => this.has(code) || other.has(code));
  }

  complement(): CharSet {
    return new CharSet((code) => !this.has(code));
  }
}
