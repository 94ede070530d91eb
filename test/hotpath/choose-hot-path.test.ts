import t from 'tap';
import { chooseHotPath } from '../../src/hotpath/index.js';
import { NO_ADDON } from './implementations.js';

const absent = () => ({ kind: 'absent', reason: 'no compiler' }) as const;

t.test('js never touches the addon', async (t) => {
  const choice = chooseHotPath('js', () => {
    throw new Error('touched');
  });
  t.same(choice, { kind: 'js', reason: 'asked for' });
});

t.test('auto takes what there is, and says why', { skip: NO_ADDON }, async (t) => {
  t.same(chooseHotPath('auto', absent), { kind: 'js', reason: 'no compiler' });
  t.same(chooseHotPath('auto'), { kind: 'native', reason: 'the addon loads' });
  t.same(chooseHotPath('native'), { kind: 'native', reason: 'asked for' });
});

t.test('native without an addon is an error that says what to do', async (t) => {
  t.throws(() => chooseHotPath('native', absent), {
    code: 'ERR_CONFIG_INVALID',
    message: /no compiler; build it with npm run setup/,
  });
});
