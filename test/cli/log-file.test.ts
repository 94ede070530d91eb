import t from 'tap';
import { LogFile } from '../../src/cli/log-file.js';

/** A file on a disk with room for so many bytes. */
function openSmallDisk(room: number) {
  const disk = { text: '', room };
  const write = (bytes: Buffer, offset: number): number => {
    if (disk.room === 0) throw new Error('ENOSPC');
    const part = bytes.subarray(offset, offset + disk.room);
    disk.text += part.toString('latin1');
    disk.room -= part.length;
    return part.length;
  };
  return { disk, log: new LogFile(write) };
}

t.test('row 70: what is cut short is a line of its own, and the lines after it are whole', async (t) => {
  const cases = [
    { what: 'in the middle of a line', room: 9, want: 'one\ntwo\nt\nfour\n' },
    { what: 'between two lines', room: 8, want: 'one\ntwo\nfour\n' },
    { what: 'before the newline of a line', room: 13, want: 'one\ntwo\nthree\nfour\n' },
  ];
  for (const { what, room, want } of cases) {
    const { disk, log } = openSmallDisk(room);
    t.same(
      ['one\n', 'two\n', 'three\n', 'three\n'].map((line) => log.writeLine(line)),
      [true, true, false, false],
      what,
    );
    disk.room = 100;
    t.equal(log.writeLine('four\n'), true);
    t.equal(disk.text, want, what);
  }
});

t.test('row 70: with room for the newline alone, the line after it begins a new one', async (t) => {
  const { disk, log } = openSmallDisk(2);
  t.equal(log.writeLine('one\n'), false);
  disk.room = 1;
  t.equal(log.writeLine('two\n'), false);
  t.equal(disk.text, 'on\n');
  disk.room = 100;
  t.equal(log.writeLine('three\n'), true);
  t.equal(disk.text, 'on\nthree\n');
});
