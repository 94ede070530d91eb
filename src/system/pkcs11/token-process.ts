/**
 * The process that holds a PKCS#11 module, its PIN and its sessions, and signs for the Citadel that has started it. The
 * library of a vendor can hang and crash without harm to that, and is ended when it hangs. Bundled on its own.
 */
import { messageOf } from '../../errors/index.js';
import { loadAddon } from '../addon/index.js';
import { endWithParent, protectMemory } from '../platform/index.js';
import type { FromToken, ToToken } from './messages.js';
import { TokenOpener } from './open-token.js';
import { SessionQueue } from './session-queue.js';

/** As many as libuv has threads. A token that is at work on four at a time has no gaps between them. */
const SESSIONS = 4;

protectMemory({ usesAddon: true });

// A Ctrl-C reaches all processes of a terminal: Citadel ends this one, when it has answered its callers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// A module that hangs in this thread lets it see nothing of the end of Citadel, whose process is the first argument.
endWithParent(Number(process.argv[2]));

// Elsewhere than on Linux. By a signal, since an exit would wait for a thread that hangs in the module.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

let queue: SessionQueue | undefined;

process.on('message', (message: ToToken) => {
  switch (message.kind) {
    case 'open':
      void open(message);
      return;
    case 'sign':
      void sign(message);
      return;
    case 'drop':
      queue?.drop(message.id);
      return;
    default:
      message satisfies never;
  }
});

function answer(message: FromToken): void {
  process.send?.(message);
}

async function open({ reference, refusedPin }: ToToken & { kind: 'open' }): Promise<void> {
  try {
    const load = loadAddon();
    if (load.kind === 'absent') throw new Error(`a key in a token needs the native addon: ${load.reason}`);
    const { Pkcs11Module } = load.addon;
    const opener = new TokenOpener(reference, SESSIONS, (path) => new Pkcs11Module(path), {
      digest: refusedPin,
      onChange: (digest) => answer({ kind: 'pin', refusedPin: digest }),
    });
    queue = new SessionQueue({ open: () => opener.open(), now: () => performance.now() });
    answer({ kind: 'opened', keyType: await queue.start() });
  } catch (error) {
    answer({ kind: 'failed', message: messageOf(error) });
  }
}

async function sign({ id, mechanism, input }: ToToken & { kind: 'sign' }): Promise<void> {
  try {
    if (queue === undefined) throw new Error('the token was not opened');
    answer({ kind: 'signed', id, signature: await queue.sign(id, mechanism, input) });
  } catch (error) {
    answer({ kind: 'refused', id, message: messageOf(error) });
  }
}
