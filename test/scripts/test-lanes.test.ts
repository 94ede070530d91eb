import t from 'tap';

const { lanesOf, testFiles, WAITING } = await import(
  new URL('../../../scripts/setup/test-lanes.mjs', import.meta.url).href
);

t.test('a whole run has each test file once, in one of the lanes', async (t) => {
  const files: string[] = await testFiles();
  t.ok(files.includes('build/test/scripts/test-lanes.test.js'));
  t.ok(files.includes('build/test/words.test.js'), 'those in no room, too');
  t.strictSame(
    files.filter((file) => file.includes('/cluster/')),
    [],
  );
  const { waiting, alone, rest } = lanesOf(files);
  t.strictSame([...waiting, ...alone, ...rest].sort(), files);
  t.ok(waiting.length > 0 && alone.length > 0, 'tap runs all where it is given none');
  t.strictSame([...waiting].sort(), [...WAITING].sort(), 'each that is named as waiting is there');
});
