import { Command, CommanderError } from 'commander';

/** Returns what commander says of a word that is no command of `group`, with the nearest one that is. */
export function unknownCommandMessage(group: Command, word: string): string {
  const commands = new Command(group.name()).exitOverride().configureOutput({ writeErr: () => undefined });
  for (const command of group.commands) commands.command(command.name());
  for (const option of group.options) commands.addOption(option);
  return messageOf(() => commands.parse([word], { from: 'user' })) ?? `unknown command '${word}'`;
}

/**
 * Returns the error that names a mistyped option, where `error` says that a required one is missing: the
 * mistyped one is usually the required one, and commander looks for it first.
 *
 * @param program A new program that nothing was parsed with.
 */
export async function mistypedOption(
  program: Command,
  args: readonly string[],
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof CommanderError) || error.code !== 'commander.missingMandatoryOptionValue')
    return error;
  for (const command of descendants(program)) {
    for (const option of command.options) option.makeOptionMandatory(false);
  }
  // Parsing ends with the unknown option or, before any action, with the error that it began with.
  program.hook('preAction', () => {
    throw error;
  });
  return program.parseAsync([...args], { from: 'user' }).then(
    () => error,
    (other: unknown) => other,
  );
}

export function descendants(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(descendants)];
}

function messageOf(parse: () => void): string | undefined {
  try {
    parse();
  } catch (error) {
    if (error instanceof CommanderError) return error.message.replace(/^error: /, '');
    throw error;
  }
  return undefined;
}
