/**
 * Private-use schemes without a dot that MCP clients in the field register for themselves.
 *
 * RFC 8252 §7.1 asks for a reversed domain name, whose dot keeps it apart from every scheme that a
 * browser or an operating system gives a meaning to. These programs do not follow it and are let in by
 * name. Being listed verifies nothing: any program on the machine can claim the scheme.
 */
export const PRIVATE_USE_SCHEMES: ReadonlyMap<string, string> = new Map([
  ['claude', 'Claude Desktop'],
  ['cursor', 'Cursor'],
  ['goose', 'Goose'],
  ['grokbot', 'Grok, which Cursor registers beside its own'],
  ['kiro', 'Kiro'],
  ['lmstudio', 'LM Studio'],
  ['raycast', 'Raycast'],
  ['vscode', 'Visual Studio Code'],
  ['vscode-insiders', 'Visual Studio Code Insiders'],
  ['vscodium', 'VSCodium'],
  ['warp', 'Warp'],
  ['windsurf', 'Windsurf'],
  ['zed', 'Zed'],
]);
