import { defineConfig } from "vitest/config";

/** Tests that start processes of their own: too heavy to share two cores with others. */
const WITH_PROCESSES = ["test/e2e/**/*.test.ts", "test/cli/**/*.e2e.test.ts"];

export default defineConfig({
  test: {
    // Nothing here depends on speed: a timeout only ends what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    slowTestThreshold: 5_000,
    projects: [
      {
        extends: true,
        test: {
          name: "rooms",
          include: ["test/**/*.test.ts"],
          exclude: WITH_PROCESSES,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "processes",
          include: WITH_PROCESSES,
          testTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
