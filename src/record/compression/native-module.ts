import { createRequire } from "node:module";
import { MillraceError } from "../../errors/index.ts";
import type { Compression } from "../batch-format.ts";

/**
 * A loader of an optional native addon: the first call loads it and later calls return it. Where the platform has no
 * prebuilt addon, each call throws UNSUPPORTED_COMPRESSION and everything else goes on working.
 */
export function lazyNativeModule<Module>(compression: Compression, moduleName: string): () => Module {
  let loaded: Module | undefined;
  return () => {
    try {
      loaded ??= createRequire(import.meta.url)(moduleName) as Module;
    } catch (error) {
      const text = `${compression} is not available here: the native module "${moduleName}" does not load`;
      throw new MillraceError("UNSUPPORTED_COMPRESSION", `${text}; install it, or use gzip or none`, {
        details: { compression, module: moduleName },
        cause: error,
      });
    }
    return loaded;
  };
}
