import t from 'tap';
import { closeDebugDoors } from '../../src/platform/index.js';

t.test('SIGUSR1 is taken away from the inspector', async (t) => {
  const signals: string[] = [];
  closeDebugDoors({
    nodeFlags: ['', '--max-old-space-size=64', '--enable-source-maps'],
    onSignal: (signal, listener) => {
      signals.push(signal);
      listener();
    },
  });
  t.strictSame(signals, ['SIGUSR1']);
});

for (const flag of [
  '--inspect',
  '--inspect-brk=0.0.0.0:9229',
  '--heapsnapshot-signal=SIGUSR2',
  '--heapsnapshot-near-heap-limit=1',
  '--report-on-signal',
  '--abort-on-uncaught-exception',
  '--heap-prof',
]) {
  t.test(`a process started with ${flag} refuses to hold keys`, async (t) => {
    t.throws(() => closeDebugDoors({ nodeFlags: ['--trace-warnings', flag], onSignal: () => t.fail('went on') }), {
      code: 'ERR_CONFIG_INVALID',
      message: new RegExp(`got ${flag.replace(/[.]/g, '\\.')}, expected none`),
    });
  });
}
