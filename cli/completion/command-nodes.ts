import type { Command, Option } from "commander";

/** A command as completion sees it. */
export interface CommandNode {
  /** Names from the program's down to its own, without the program's, with spaces between: "topic create". */
  readonly path: string;
  readonly children: readonly { readonly name: string; readonly summary: string }[];
  /** Its own options. */
  readonly options: readonly OptionNode[];
  /** Values that its first argument may have; none if anything goes. */
  readonly argumentChoices: readonly string[];
}

/** An option as completion sees it. */
export interface OptionNode {
  /** As typed: "--output", "-o". */
  readonly flags: readonly string[];
  readonly summary: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** The commands of a tree, each before its children; the program itself comes first, with the global options. */
export function commandNodes(command: Command, path = ""): CommandNode[] {
  const helper = command.createHelp();
  const children = helper.visibleCommands(command).filter((child) => child.name() !== "help");
  const node: CommandNode = {
    path,
    children: children.map((child) => ({ name: child.name(), summary: helper.subcommandDescription(child) })),
    options: helper.visibleOptions(command).map(optionNode),
    argumentChoices: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [
    node,
    ...children.flatMap((child) =>
      commandNodes(child, path === "" ? child.name() : `${path} ${child.name()}`),
    ),
  ];
}

function optionNode(option: Option): OptionNode {
  return {
    flags: [option.long, option.short].filter((flag) => flag !== undefined),
    summary: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  };
}
