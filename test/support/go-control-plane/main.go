// An SDS server that is not ours, on the library that most control planes are made of: go-control-plane. It serves the PEM
// files of a folder (chain.pem, key.pem, bundle.pem) as "default" and "ROOTCA" on a Unix socket, says "ready", and
// reads them anew for each line of its standard input, whose end ends it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func inline(folder, name string) *core.DataSource {
	bytes, err := os.ReadFile(filepath.Join(folder, name))
	fail(err)
	return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: bytes}}
}

func main() {
	socket, folder := os.Args[1], os.Args[2]
	// Its versions are those of each secret, so that a stream hears of its own alone.
	secrets := cache.NewLinearCache(resource.SecretType)
	load := func() {
		changed := map[string]types.Resource{}
		for _, secret := range []*tls.Secret{
			{Name: "default", Type: &tls.Secret_TlsCertificate{TlsCertificate: &tls.TlsCertificate{
				CertificateChain: inline(folder, "chain.pem"), PrivateKey: inline(folder, "key.pem")}}},
			{Name: "ROOTCA", Type: &tls.Secret_ValidationContext{ValidationContext: &tls.CertificateValidationContext{
				TrustedCa: inline(folder, "bundle.pem")}}},
		} {
			if known, ok := secrets.GetResources()[secret.Name]; !ok || !proto.Equal(known, secret) {
				changed[secret.Name] = secret
			}
		}
		fail(secrets.UpdateResources(changed, nil))
	}
	load()
	listener, err := net.Listen("unix", socket)
	fail(err)
	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(1_000_000))
	secret.RegisterSecretDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), secrets, nil))
	go func() { fail(grpcServer.Serve(listener)) }()
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		load()
	}
}
