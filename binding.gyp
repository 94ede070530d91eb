{
  # scripts/build-native.mjs runs node-gyp on this; the results are prebuilds/PLATFORM-ARCH/*.node.
  'variables': {
    # address and undefined, for `npm run test:asan`.
    'sanitize%': '',
    # The hash of these sources, by scripts/setup/addon-revision.mjs.
    'revision%': 'unknown',
  },
  'target_defaults': {
    'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
    'defines': [
      'NAPI_VERSION=9',
      'SIDECERT_REVISION="<(revision)"',
      'NAPI_DISABLE_CPP_EXCEPTIONS',
      # A thread that is being ended refuses every call, that of throwing too: this must not end the process.
      'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      # The low-level calls are what this addon is for: see native/key.h.
      'OPENSSL_SUPPRESS_DEPRECATED',
    ],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-std=c++20'],
    'cflags_cc': ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
    'conditions': [
      # OpenSSL calls it as long as the process lives: see native/trust_store.cc.
      ['OS=="linux"', { 'ldflags': ['-Wl,-z,relro,-z,now,-z,nodelete'] }],
      ['OS=="mac"', { 'xcode_settings': {
        'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
        'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
        'OTHER_CPLUSPLUSFLAGS': ['-Wall', '-Wextra', '-Werror'],
      } }],
      ['sanitize!=""', {
        'cflags_cc': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer', '-g'],
        'ldflags': ['-fsanitize=<(sanitize)'],
      }],
    ],
  },
  'targets': [
    {
      # What both addons are made of, compiled once.
      'target_name': 'sidecert-core',
      'type': 'static_library',
      'sources': [
        'native/binding.cc',
        'native/certificate.cc',
        'native/chain.cc',
        'native/csr.cc',
        'native/der.cc',
        'native/digest.cc',
        'native/facts.cc',
        'native/hot_path_binding.cc',
        'native/instance.cc',
        'native/issuers.cc',
        'native/key.cc',
        'native/name_constraints.cc',
        'native/names.cc',
        'native/openssl_error.cc',
        'native/path.cc',
        'native/pem.cc',
        'native/pkcs11_binding.cc',
        'native/pkcs11_module.cc',
        'native/plain_leaf.cc',
        'native/platform.cc',
        'native/platform_binding.cc',
        'native/rules.cc',
        'native/seal.cc',
        'native/secret_writer.cc',
        'native/signer.cc',
        'native/socket_hub.cc',
        'native/socket_hub_binding.cc',
        'native/start.cc',
        'native/text.cc',
        'native/trust_store.cc',
        'native/trust_store_binding.cc',
      ],
    },
    {
      # The addon of the program, which ships.
      'target_name': 'sidecert',
      'dependencies': ['sidecert-core'],
      'sources': ['native/addon.cc'],
    },
    {
      # The addon of tests and benches: what they alone call.
      'target_name': 'sidecert-tests',
      'dependencies': ['sidecert-core'],
      'sources': [
        'native/tests/addon.cc',
        'native/tests/primitives.cc',
        'native/tests/primitives_binding.cc',
        'native/tests/seal_ways_binding.cc',
      ],
      'include_dirs': ['native'],
    },
  ],
}
