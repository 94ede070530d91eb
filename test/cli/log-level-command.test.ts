import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { serveStatus } from '../support/served-status.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

/** A real Citadel that logs warnings alone, as text. */
async function startCitadel(t: Test) {
  const directory = shortDir(t);
  const issuer = new TokenIssuer();
  const jwks = join(directory, 'jwks.json');
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const citadel = new SidecertProcess(t, [
    ...['citadel', '--listen', '127.0.0.1:0', '--jwks', jwks, '--token-issuer', issuer.issuer],
    ...['--status-address', '127.0.0.1:0', '--log-level', 'info', '--log-format', 'text'],
  ]);
  const opened = await citadel.says('status page open');
  const [, status = ''] = /status page open +address=(\S+)/.exec(opened) ?? [];
  return { citadel, status, opened };
}

t.test('the level of a running Citadel is set for a while, and its log says so', async (t) => {
  const { citadel, status, opened } = await startCitadel(t);
  t.match(opened, /^\S+Z INFO {2}status page open {29}address=\S+$/);
  t.match(await runSidecert(t, ['log-level', status, 'error', '--for', '1s']), {
    ...{ code: 0, out: 'log level error for 1 s\n', err: '' },
  });
  await citadel.says('log level is back');
  const env = { SIDECERT_STATUS_ADDRESS: status };
  t.match(await runSidecert(t, ['log-level', 'debug'], { env }), { code: 0, out: 'log level debug\n' });
  await citadel.says('log_level=debug');
});

t.test('what cannot be asked is told with what to do', async (t) => {
  const other = await serveStatus(t, 'nothing', 404);
  t.match(await runSidecert(t, ['log-level', other, 'debug']), {
    ...{ code: 1, out: '', err: /got HTTP status 404, "nothing": is it an older sidecert, or another program\?\n$/ },
  });
  t.match(await runSidecert(t, ['log-level', join(shortDir(t), 'none'), 'debug']), {
    ...{ code: 1, err: /ENOENT, there is no such socket: start the process with this --status-address/ },
  });
  t.match(await runSidecert(t, ['log-level', '127.0.0.1:1', 'loud']), {
    ...{ code: 2, err: /--level: got "loud", expected/ },
  });
});
