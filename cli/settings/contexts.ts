import { OUTPUT_FORMATS, type OutputFormat } from "../output/print.ts";

/** What goes with a name: settings that hold where neither a flag nor the environment gives them. */
export interface ContextSettings {
  /** Endpoints, separated by commas. */
  readonly broker: string;
  /** A duration, such as "30s". */
  readonly timeout?: string;
  readonly output?: OutputFormat;
}

/** All contexts, and which of them is in use. */
export interface Contexts {
  readonly current: string | undefined;
  readonly contexts: Readonly<Record<string, ContextSettings>>;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** True if a context may have this name. */
export function isContextName(name: string): boolean {
  return NAME.test(name) && name !== "__proto__";
}

/** What a context name may be, for people. */
export const CONTEXT_NAME_ALLOWED = "1 to 64 of the characters A-Z a-z 0-9 . _ -";

const SETTINGS: readonly string[] = ["broker", "timeout", "output"] satisfies (keyof ContextSettings)[];

/** Reads contexts from a parsed YAML document. Throws an Error that names what is wrong with it. */
export function parseContexts(document: unknown): Contexts {
  if (document === null || document === undefined) return { current: undefined, contexts: {} };
  const root = mapping(document, "the document");
  refuseOthers(root, ["current", "contexts"], "");
  const contexts: Record<string, ContextSettings> = {};
  for (const [name, value] of Object.entries(mapping(root.contexts ?? {}, '"contexts"'))) {
    if (!isContextName(name))
      throw new Error(`"${name}" is no context name; allowed are ${CONTEXT_NAME_ALLOWED}`);
    contexts[name] = parseContext(mapping(value, `context "${name}"`), name);
  }
  const current = optionalText(root, "current", "");
  if (current !== undefined && !Object.hasOwn(contexts, current)) {
    throw new Error(`"current" is "${current}", and there is no such context`);
  }
  return { current, contexts };
}

function parseContext(value: Record<string, unknown>, name: string): ContextSettings {
  const where = `contexts.${name}.`;
  refuseOthers(value, SETTINGS, where);
  const broker = optionalText(value, "broker", where);
  const timeout = optionalText(value, "timeout", where);
  const output = optionalText(value, "output", where);
  if (broker === undefined) throw new Error(`"${where}broker" is missing; it must be "host:port"`);
  if (output !== undefined && !isOutputFormat(output)) {
    throw new Error(`"${where}output" is "${output}"; allowed are ${OUTPUT_FORMATS.join(", ")}`);
  }
  return {
    broker,
    ...(timeout === undefined ? {} : { timeout }),
    ...(output === undefined ? {} : { output }),
  };
}

function isOutputFormat(text: string): text is OutputFormat {
  return (OUTPUT_FORMATS as readonly string[]).includes(text);
}

function mapping(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new Error(`${what} must be a mapping of names to values`);
}

function optionalText(from: Record<string, unknown>, name: string, where: string): string | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new Error(`"${where}${name}" must be text`);
}

function refuseOthers(value: Record<string, unknown>, known: readonly string[], where: string): void {
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      throw new Error(`"${where}${name}" is not known; known are ${known.join(", ")}`);
    }
  }
}
