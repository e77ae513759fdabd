import { expect, it } from 'vitest';

import { CLIENTS, lineFor } from './connect-line.ts';

const [CLAUDE_CODE] = CLIENTS;

it('names a server in words that a shell leaves alone', () => {
  expect(lineFor({ name: 'Team Files', identifier: 'https://files.example/mcp' }, CLAUDE_CODE)).toBe(
    'claude mcp add --transport http team-files https://files.example/mcp',
  );
  expect(lineFor({ name: '文件', identifier: 'https://files.example/mcp' }, CLAUDE_CODE)).toContain(
    'http mcp-server https:',
  );
});

it('cannot be made to run a command by a name or an identifier', () => {
  const line = lineFor(
    { name: '$(reboot); `id`', identifier: "https://files.example/mcp?a=';reboot;'&b=$(id)" },
    CLAUDE_CODE,
  );

  expect(line).toBe(
    "claude mcp add --transport http reboot-id 'https://files.example/mcp?a=%27;reboot;%27&b=$(id)'",
  );
});
