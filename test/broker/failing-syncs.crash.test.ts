/** A broker's life on a disk that fails at flushing, opening and looking. See crash-suite.ts. */
import { describe } from "vitest";
import { testEach } from "./crash-suite.ts";

describe("a broker whose disk fails at the rest", () => {
  testEach(["datasync", "syncDirectory", "truncate", "open", "read", "list", "stat"]);
});
