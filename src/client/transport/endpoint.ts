import { MillraceError } from "../../errors/index.ts";

/** Port of a broker unless told otherwise. */
const PORT_DEFAULT = 7171;

/** Checks "host", "host:port" or "[v6]:port" and returns it with its port. Throws INVALID_REQUEST. */
export function parseEndpoint(text: string): string {
  const match = /^(\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[^\s:/[\]]+)(?::(\d{1,5}))?$/.exec(text.trim());
  const port = Number(match?.[2] ?? PORT_DEFAULT);
  if (!match || port < 1 || port > 65_535) {
    throw new MillraceError(
      "INVALID_REQUEST",
      `"${text}" is not an endpoint of a broker: allowed is "host:port" with a port from 1 to 65535, as "127.0.0.1:7171" or "[::1]:7171"`,
      { details: { field: "brokers", value: text, allowed: "host:port" } },
    );
  }
  return `${match[1]}:${port}`;
}

/** Checks the endpoints of a list, or of one text that separates them by commas. Throws INVALID_REQUEST. */
export function parseEndpoints(brokers: string | readonly string[]): readonly string[] {
  const texts = typeof brokers === "string" ? brokers.split(",") : brokers;
  if (texts.length === 0) {
    throw new MillraceError("INVALID_REQUEST", 'no endpoint of a broker is given; try ["127.0.0.1:7171"]', {
      details: { field: "brokers" },
    });
  }
  return [...new Set(texts.map(parseEndpoint))];
}
