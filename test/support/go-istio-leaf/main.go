// Makes leaves as Istio's CA does, by crypto/x509: a line of JSON for each line of JSON.
// (istio/istio: security/pkg/pki/util/generate_cert.go, san.go)
package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"
)

type question struct {
	CaCert string `json:"caCert"`
	CaKey  string `json:"caKey"`
	Csr    string `json:"csr"`
	// Whose leaf it is: `spiffe://…`.
	URI string `json:"uri"`
	// In hex.
	Serial string `json:"serial"`
	// When the request comes.
	NowMs int64 `json:"nowMs"`
	TtlMs int64 `json:"ttlMs"`
	// The leaf of another CA, of which the part that is signed is told.
	Other string `json:"other"`
}

type answer struct {
	// As Istio puts it into an element of its answer.
	Leaf string `json:"leaf"`
	// The part of it that is signed, and that of `other`.
	Signed      []byte `json:"signed"`
	OtherSigned []byte `json:"otherSigned"`
	Reason      string `json:"reason"`
}

// The clock of the workload may be behind by so much.
const clockSkewGracePeriod = 2 * time.Minute

const uriTag = 6

func make509(q question) (answer, error) {
	decoded := func(text string) []byte {
		if block, _ := pem.Decode([]byte(text)); block != nil {
			return block.Bytes
		}
		return nil
	}
	parent, err := x509.ParseCertificate(decoded(q.CaCert))
	if err != nil {
		return answer{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(decoded(q.CaKey))
	if err != nil {
		return answer{}, err
	}
	csr, err := x509.ParseCertificateRequest(decoded(q.Csr))
	if err != nil {
		return answer{}, err
	}
	if err := csr.CheckSignature(); err != nil {
		return answer{}, err
	}
	serial, ok := new(big.Int).SetString(q.Serial, 16)
	if !ok {
		return answer{}, errors.New("serial")
	}
	names, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: uriTag, Bytes: []byte(q.URI)}})
	if err != nil {
		return answer{}, err
	}
	now := time.UnixMilli(q.NowMs)
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{},
		NotBefore:             now.Add(-clockSkewGracePeriod),
		NotAfter:              now.Add(time.Duration(q.TtlMs) * time.Millisecond),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:                  false,
		BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: names},
		},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, csr.PublicKey, key.(crypto.Signer))
	if err != nil {
		return answer{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return answer{}, err
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return answer{}, err
	}
	made := answer{Leaf: text.String(), Signed: leaf.RawTBSCertificate}
	if q.Other != "" {
		other, err := x509.ParseCertificate(decoded(q.Other))
		if err != nil {
			return answer{}, err
		}
		if err := other.CheckSignatureFrom(parent); err != nil {
			return answer{}, err
		}
		if other.SignatureAlgorithm != leaf.SignatureAlgorithm {
			return answer{}, fmt.Errorf("signed by %v, expected %v", other.SignatureAlgorithm, leaf.SignatureAlgorithm)
		}
		made.OtherSigned = other.RawTBSCertificate
	}
	return made, nil
}

func main() {
	reader := bufio.NewReaderSize(os.Stdin, 1<<20)
	writer := json.NewEncoder(os.Stdout)
	for {
		line, err := reader.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var q question
			made := answer{}
			problem := json.Unmarshal(line, &q)
			if problem == nil {
				made, problem = make509(q)
			}
			if problem != nil {
				made.Reason = problem.Error()
			}
			if err := writer.Encode(made); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if err != nil {
			return
		}
	}
}
