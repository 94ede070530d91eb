/** What the bundle has in the place of `protobufjs/ext/descriptor` (scripts/build.mjs): the same message, by generated code. */
import { google } from './gen/reflection.js';

export const { FileDescriptorProto } = google.protobuf;
