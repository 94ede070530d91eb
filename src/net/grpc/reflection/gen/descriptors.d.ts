/** A `google.protobuf.FileDescriptorProto` for each file that agent or Citadel serves, in base64. */
export const fileDescriptors: readonly string[];
