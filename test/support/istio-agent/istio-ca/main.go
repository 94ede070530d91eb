// Istiod's own CA, as istiod puts it together: the server of CreateCertificate, its authenticators, the CA and the TLS
// of its port 15012 are Istio's, without the rest of istiod.
//
// Takes istiod's environment variables ROOT_CA_DIR (a plugged-in CA; without one it makes its own), TRUST_DOMAIN,
// JWT_RULE, CLUSTER_ID, DEFAULT_WORKLOAD_CERT_TTL, MAX_WORKLOAD_CERT_TTL and CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE, and
// KUBECONFIG, which leads to an API server that reviews tokens. Writes root-cert.pem to the working directory, then the
// address to standard output, as one line. On SIGHUP it reads the plugged-in CA again, as istiod does when the files
// change, and writes another line.
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/api/security/v1beta1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	istiogrpc "istio.io/istio/pilot/pkg/grpc"
	"istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/env"
	"istio.io/istio/pkg/keepalive"
	"istio.io/istio/pkg/security"
	"istio.io/istio/pkg/spiffe"
	"istio.io/istio/security/pkg/cmd"
	"istio.io/istio/security/pkg/pki/ca"
	caserver "istio.io/istio/security/pkg/server/ca"
	"istio.io/istio/security/pkg/server/ca/authenticate"
	"istio.io/istio/security/pkg/server/ca/authenticate/kubeauth"
)

var (
	directory     = env.Register("ROOT_CA_DIR", "", "").Get()
	trustDomain   = env.Register("TRUST_DOMAIN", "cluster.local", "").Get()
	jwtRule       = env.Register("JWT_RULE", "", "").Get()
	clusterID     = env.Register("CLUSTER_ID", "Kubernetes", "").Get()
	kubeconfig    = env.Register("KUBECONFIG", "", "").Get()
	defaultTTL    = env.Register("DEFAULT_WORKLOAD_CERT_TTL", cmd.DefaultWorkloadCertTTL, "").Get()
	maxTTL        = env.Register("MAX_WORKLOAD_CERT_TTL", cmd.DefaultMaxWorkloadCertTTL, "").Get()
	rsaKeySize    = env.Register("CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE", 2048, "").Get()
	istiodDNSName = "istiod.istio-system.svc"
)

// fixedMesh is a mesh configuration that never changes.
type fixedMesh struct {
	mesh.Watcher
	config *meshconfig.MeshConfig
}

func (m fixedMesh) Mesh() *meshconfig.MeshConfig { return m.config }

func main() {
	fileBundle := ca.SigningCAFileBundle{
		RootCertFile:    filepath.Join(directory, ca.RootCertFile),
		CertChainFiles:  []string{filepath.Join(directory, ca.CertChainFile)},
		SigningCertFile: filepath.Join(directory, ca.CACertFile),
		SigningKeyFile:  filepath.Join(directory, ca.CAPrivateKeyFile),
	}
	var options *ca.IstioCAOptions
	var err error
	if directory == "" {
		options, err = ca.NewSelfSignedDebugIstioCAOptions(
			"", cmd.DefaultSelfSignedCACertTTL, defaultTTL, maxTTL, trustDomain, rsaKeySize)
	} else {
		options, err = ca.NewPluggedCertIstioCAOptions(fileBundle, defaultTTL, maxTTL, rsaKeySize)
	}
	fail(err)
	authority, err := ca.NewIstioCA(options)
	fail(err)

	var certificate atomic.Pointer[tls.Certificate]
	serve := func() {
		chain, key, err := authority.GenKeyCert([]string{istiodDNSName, "127.0.0.1"}, cmd.DefaultSelfSignedCACertTTL, false)
		fail(err)
		pair, err := tls.X509KeyPair(chain, key)
		fail(err)
		certificate.Store(&pair)
		fail(os.WriteFile("root-cert.pem", authority.GetCAKeyCertBundle().GetRootCertPem(), 0o644))
	}
	serve()

	server, err := caserver.New(authority, maxTTL, authenticators(), nil)
	fail(err)
	verifier := spiffe.NewPeerCertVerifier()
	fail(verifier.AddMappingFromPEM(trustDomain, authority.GetCAKeyCertBundle().GetRootCertPem()))
	transport := grpc.Creds(credentials.NewTLS(&tls.Config{
		GetCertificate:        func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.Load(), nil },
		ClientAuth:            tls.VerifyClientCertIfGiven,
		ClientCAs:             verifier.GetGeneralCertPool(),
		VerifyPeerCertificate: verifier.VerifyPeerCert,
		MinVersion:            tls.VersionTLS12,
	}))
	grpcServer := grpc.NewServer(append(istiogrpc.ServerOptions(keepalive.DefaultOption(), func(int64) {}), transport)...)
	server.Register(grpcServer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM)
	go func() {
		for one := range signals {
			if one == syscall.SIGTERM {
				grpcServer.Stop()
				return
			}
			fail(authority.GetCAKeyCertBundle().UpdateVerifiedKeyCertBundleFromFile(
				fileBundle.SigningCertFile, fileBundle.SigningKeyFile, fileBundle.CertChainFiles, fileBundle.RootCertFile, ""))
			serve()
			fmt.Println("reloaded")
		}
	}()
	fmt.Println(listener.Addr())
	fail(grpcServer.Serve(listener))
}

// authenticators are those of istiod, in its order.
func authenticators() []security.Authenticator {
	config := fixedMesh{config: &meshconfig.MeshConfig{TrustDomain: trustDomain}}
	all := []security.Authenticator{&authenticate.ClientCertAuthenticator{}}
	if jwtRule != "" {
		rule := &v1beta1.JWTRule{}
		fail(json.Unmarshal([]byte(jwtRule), rule))
		one, err := authenticate.NewJwtAuthenticator(rule, config)
		fail(err)
		all = append(all, one)
	}
	if kubeconfig != "" {
		access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		fail(err)
		client, err := kubernetes.NewForConfig(access)
		fail(err)
		all = append(all, kubeauth.NewKubeJWTAuthenticator(config, client, cluster.ID(clusterID), nil, nil))
	}
	return all
}

func fail(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

