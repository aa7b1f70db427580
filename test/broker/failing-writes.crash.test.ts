/** A broker's life on a disk that fails at bytes and names. See crash-suite.ts. */
import { describe } from "vitest";
import { testEach } from "./crash-suite.ts";

describe("a broker whose disk fails at what changes it", () => {
  testEach(["write", "rename", "remove", "makeDirectory"]);
});
