import { expect, it } from 'vitest';

import { lineFor } from './connect-line.ts';

it('names a server in words that a shell leaves alone', () => {
  expect(lineFor({ name: 'Team Files', identifier: 'https://files.example/mcp' })).toBe(
    'claude mcp add --transport http team-files https://files.example/mcp',
  );
  expect(lineFor({ name: '文件', identifier: 'https://files.example/mcp' })).toContain(
    'http mcp-server https:',
  );
});

it('cannot be made to run a command by a name or an identifier', () => {
  const line = lineFor({
    name: '$(reboot); `id`',
    identifier: "https://files.example/mcp?a=';reboot;'&b=$(id)",
  });

  expect(line).toBe(
    "claude mcp add --transport http reboot-id 'https://files.example/mcp?a=%27;reboot;%27&b=$(id)'",
  );
});
