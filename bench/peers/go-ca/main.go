// A CA that is not ours, of Go's own parts alone: grpc-go, crypto/x509, and go-jose for the tokens. It answers Istio's
// CreateCertificate as istiod does, and leaves out all that is not the work itself: no policy, no metrics, no log, no
// Kubernetes.
//
//	go-ca DIRECTORY JWKS ISSUER    signs with ca-key.pem and ca-cert.pem there, and prints its address once it serves
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	ca "istio.io/api/security/v1alpha1"
)

const (
	audience    = "istio-ca"
	trustDomain = "cluster.local"
	maxLife     = 90 * 24 * time.Hour
	clockSkew   = 2 * time.Minute
)

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("got %d arguments, expected DIRECTORY JWKS ISSUER", len(os.Args)-1))
	}
	server, err := newServer(os.Args[1], os.Args[2], os.Args[3])
	fail(err)
	serving, err := server.servingCertificate()
	fail(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	grpcServer := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{serving}, MinVersion: tls.VersionTLS12})))
	ca.RegisterIstioCertificateServiceServer(grpcServer, server)
	fmt.Println(listener.Addr())
	fail(grpcServer.Serve(listener))
}

type server struct {
	ca.UnimplementedIstioCertificateServiceServer
	keys    jose.JSONWebKeySet
	issuer  string
	root    *x509.Certificate
	rootPEM []byte
	key     crypto.Signer
}

func newServer(directory, jwksPath, issuer string) (*server, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(directory, "ca-cert.pem"), filepath.Join(directory, "ca-key.pem"))
	if err != nil {
		return nil, err
	}
	root, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, err
	}
	s := &server{issuer: issuer, root: root, rootPEM: inPEM(root.Raw), key: pair.PrivateKey.(crypto.Signer)}
	bytes, err := os.ReadFile(jwksPath)
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(bytes, &s.keys)
}

func (s *server) servingCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(),
		NotBefore:    time.Now().Add(-clockSkew),
		NotAfter:     time.Now().Add(maxLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}, s.root, key.Public(), s.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// CreateCertificate verifies token and CSR, and signs a leaf for the service account that the token names.
func (s *server) CreateCertificate(
	ctx context.Context, request *ca.IstioCertificateRequest,
) (*ca.IstioCertificateResponse, error) {
	identity, err := s.authenticate(ctx)
	if err != nil {
		return nil, status.Error(codes.Unauthenticated, "request authenticate failure")
	}
	block, _ := pem.Decode([]byte(request.Csr))
	if block == nil {
		return nil, status.Error(codes.InvalidArgument, "CSR is no PEM")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	life := time.Duration(request.ValidityDuration) * time.Second
	if life <= 0 || life > maxLife {
		return nil, status.Error(codes.InvalidArgument, "validity is too long")
	}
	now := time.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber:          serial(),
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{identity},
	}, s.root, csr.PublicKey, s.key)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &ca.IstioCertificateResponse{CertChain: []string{string(inPEM(der)), string(s.rootPEM)}}, nil
}

func (s *server) authenticate(ctx context.Context) (*url.URL, error) {
	fields, _ := metadata.FromIncomingContext(ctx)
	for _, field := range fields.Get("authorization") {
		if text, ok := strings.CutPrefix(field, "Bearer "); ok {
			return s.identityOf(text)
		}
	}
	return nil, errors.New("no token")
}

func (s *server) identityOf(text string) (*url.URL, error) {
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return nil, err
	}
	var claims jwt.Claims
	if err := token.Claims(&s.keys, &claims); err != nil {
		return nil, err
	}
	expected := jwt.Expected{Issuer: s.issuer, AnyAudience: jwt.Audience{audience}, Time: time.Now()}
	if err := claims.Validate(expected); err != nil {
		return nil, err
	}
	parts := strings.Split(claims.Subject, ":")
	if len(parts) != 4 || parts[0] != "system" || parts[1] != "serviceaccount" {
		return nil, fmt.Errorf("got the subject %q, expected a service account", claims.Subject)
	}
	return url.Parse("spiffe://" + trustDomain + "/ns/" + parts[2] + "/sa/" + parts[3])
}

func serial() *big.Int {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	fail(err)
	return number
}

func inPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-ca:", err)
		os.Exit(1)
	}
}
