import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { COVERED_SIDECERT } from '../support/mesh.js';
import { shortDir } from '../support/short-dir.js';

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: { name: one }\nspec:\n  containers:\n    - name: app\n';
const HOST_POD = POD.replace('name: one', 'name: two').replace('spec:', 'spec:\n  hostNetwork: true');

function kubeInject(args: readonly string[], input = ''): { code: number | null; out: string; err: string } {
  const [program = '', ...leading] = COVERED_SIDECERT;
  const { status, stdout, stderr } = spawnSync(program, [...leading, 'kube-inject', ...args], {
    input,
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

t.test('stdin is injected to stdout, and what is left as it is, is told on stderr', async (t) => {
  const { code, out, err } = kubeInject(['-f', '-'], `${POD}---\n${HOST_POD}`);
  t.match(
    { code, err },
    { code: 0, err: 'Pod two: left as it is: hostNetwork is true: its traffic is that of the node\n' },
  );
  t.match(out, 'name: istio-proxy');
  t.ok(out.endsWith(`---\n${HOST_POD}`));
});

t.test('files become one, and an injection is taken out again', async (t) => {
  const directory = shortDir(t);
  const [one, two, both] = ['one', 'two', 'both'].map((name) => join(directory, `${name}.yaml`));
  if (one === undefined || two === undefined || both === undefined) throw new Error('three names');
  writeFileSync(one, POD.trimEnd());
  writeFileSync(two, HOST_POD);
  t.match(kubeInject(['-f', one, '--filename', two, '-o', both]), { code: 0, out: '' });
  const { code, out } = kubeInject(['--uninject', '-f', both]);
  t.match({ code, out }, { code: 0, out: `${POD}---\n${HOST_POD}` });
  t.ok(readFileSync(both, 'utf8').includes('name: sidecert-agent'));
});

t.test('of manifests of which one is wrong, nothing is printed', async (t) => {
  const { code, out, err } = kubeInject(['-f', '-'], `${POD}---\n${POD.replace('- name: app', '- image: app')}`);
  t.match({ code, out }, { code: 1, out: '' });
  t.equal(err, 'sidecert kube-inject: stdin:8: Pod one: spec.containers[0].name: got nothing, expected a name\n');
});

t.test('a wrong setting, a file that is not there: told, with code 2 and 1', async (t) => {
  const setting = kubeInject(['-f', '-', '--inbound-ports', '0'], POD);
  t.match(setting, {
    code: 2,
    out: '',
    err: '--inbound-ports: got "0", expected a port from 1 to 65535, or * for all',
  });
  const file = kubeInject(['-f', '/nonexistent/pod.yaml']);
  t.match(file, { code: 1, out: '', err: "ENOENT: no such file or directory, open '/nonexistent/pod.yaml'" });
  const together = kubeInject(['-f', '-', '--capture', 'none', '--outbound-ports', '80'], POD);
  t.match(together, { code: 2, out: '', err: 'outbound-ports: got 80, expected none with capture none' });
  t.match(kubeInject([]), { code: 2, err: '--filename: got nothing, expected a file with manifests, or - for stdin' });
});

t.test('nothing stays nothing', async (t) => {
  t.match(kubeInject(['-f', '-'], ''), { code: 0, out: '', err: '' });
  t.match(kubeInject(['-f', '-'], '# only a comment\n'), { code: 0, out: '# only a comment\n', err: '' });
});

t.test('what is no manifest is refused: a text, a list, bytes that are none', async (t) => {
  for (const input of ['hello\n', '- one\n', '7\n', `${POD}---\nhello\n`]) {
    const { code, out, err } = kubeInject(['-f', '-'], input);
    t.match({ code, out }, { code: 1, out: '' }, input);
    t.match(err, /stdin:\d+: got a (?:text or a number|list), expected an object of Kubernetes/);
  }
  t.match(kubeInject(['-f', '-'], '# nothing yet\n'), { code: 0 });
  const file = join(shortDir(t), 'binary');
  writeFileSync(file, Buffer.from(Array.from({ length: 4000 }, (_none, index) => (index * 7919) % 256)));
  const binary = kubeInject(['-f', file]);
  t.match({ code: binary.code, out: binary.out }, { code: 1, out: '' });
});
