/**
 * An index over a FileDescriptorSet (google/protobuf/descriptor.proto), as `buf build` writes it: which file has a
 * name, which declares a symbol, what a file imports. The files themselves stay encoded.
 */
import { FieldReader } from "../wire/index.ts";

interface File {
  readonly name: string;
  readonly encoded: Buffer;
  readonly imports: readonly string[];
}

/** Numbers of the fields that declare something with a name, by the message that declares it. */
const MESSAGE_DECLARES = { fields: 2, messages: 3, enums: 4, extensions: 6, oneofs: 8 };
const FILE_DECLARES = { messages: 4, enums: 5, services: 6, extensions: 7 };

/** Files and symbols of a descriptor set. */
export class DescriptorIndex {
  readonly #files = new Map<string, File>();
  readonly #fileOfSymbol = new Map<string, File>();

  /** Throws WireFormatError if the bytes are no descriptor set. */
  constructor(descriptorSet: Buffer) {
    const reader = new FieldReader(descriptorSet);
    while (reader.next()) {
      if (reader.field === 1) this.#addFile(reader.bytes());
      else reader.skip();
    }
  }

  /** The file with that name and all it imports, each encoded, the file first; undefined if there is none. */
  byName(name: string): Buffer[] | undefined {
    const file = this.#files.get(name);
    return file === undefined ? undefined : this.#withImports(file);
  }

  /** The file that declares a message, field, enum, value, service or method, and all it imports. */
  bySymbol(symbol: string): Buffer[] | undefined {
    const file = this.#fileOfSymbol.get(symbol);
    return file === undefined ? undefined : this.#withImports(file);
  }

  #withImports(file: File): Buffer[] {
    const found = new Set([file]); // grows while it is walked
    for (const { imports } of found) {
      for (const name of imports) {
        const imported = this.#files.get(name);
        if (imported !== undefined) found.add(imported);
      }
    }
    return [...found].map(({ encoded }) => encoded);
  }

  #addFile(encoded: Buffer): void {
    const [name = ""] = strings(encoded, 1);
    const [scope = ""] = strings(encoded, 2);
    const file: File = { name, encoded, imports: strings(encoded, 3) };
    this.#files.set(name, file);
    for (const message of embedded(encoded, FILE_DECLARES.messages)) this.#addMessage(file, scope, message);
    for (const enumType of embedded(encoded, FILE_DECLARES.enums)) this.#addEnum(file, scope, enumType);
    for (const extension of embedded(encoded, FILE_DECLARES.extensions)) this.#add(file, scope, extension);
    for (const service of embedded(encoded, FILE_DECLARES.services)) {
      const symbol = this.#add(file, scope, service);
      for (const method of embedded(service, 2)) this.#add(file, symbol, method);
    }
  }

  #addMessage(file: File, scope: string, message: Buffer): void {
    const symbol = this.#add(file, scope, message);
    for (const member of [MESSAGE_DECLARES.fields, MESSAGE_DECLARES.oneofs, MESSAGE_DECLARES.extensions]) {
      for (const declared of embedded(message, member)) this.#add(file, symbol, declared);
    }
    for (const nested of embedded(message, MESSAGE_DECLARES.messages)) this.#addMessage(file, symbol, nested);
    for (const enumType of embedded(message, MESSAGE_DECLARES.enums)) this.#addEnum(file, symbol, enumType);
  }

  /** Values of an enum belong to the scope around it. */
  #addEnum(file: File, scope: string, enumType: Buffer): void {
    this.#add(file, scope, enumType);
    for (const value of embedded(enumType, 2)) this.#add(file, scope, value);
  }

  /** All declarations have their name in field 1. */
  #add(file: File, scope: string, declaration: Buffer): string {
    const [name = ""] = strings(declaration, 1);
    const symbol = scope === "" ? name : `${scope}.${name}`;
    this.#fileOfSymbol.set(symbol, file);
    return symbol;
  }
}

function strings(message: Buffer, field: number): string[] {
  return embedded(message, field).map((bytes) => bytes.toString());
}

function embedded(message: Buffer, field: number): Buffer[] {
  const found: Buffer[] = [];
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.field === field) found.push(reader.bytes());
    else reader.skip();
  }
  return found;
}
