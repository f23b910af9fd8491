package git

import (
	"bytes"
	"crypto"
	"errors"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"reconciler/internal/message"
)

// readOpenPGP reads public keys from one or several armored blocks.
func readOpenPGP(data []byte) (openpgp.EntityList, error) {
	const begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	var keys openpgp.EntityList
	for _, block := range bytes.Split(data, []byte(begin))[1:] {
		list, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(append([]byte(begin), block...)))
		if err != nil {
			return nil, message.NewError("git.not-keys", "why", err)
		}
		keys = append(keys, list...)
	}
	if len(keys) == 0 {
		return nil, message.NewError("git.no-public-key")
	}
	return keys, nil
}

// verifyOpenPGP checks that one of keys made the signature over payload. The key
// has to be valid at now, whatever time the signature states.
func verifyOpenPGP(keys openpgp.EntityList, payload, armored []byte, now time.Time) error {
	block, err := armor.Decode(bytes.NewReader(armored))
	if err != nil || block.Type != openpgp.SignatureType {
		return unverified(codeSignature, message.New("git.pgp.malformed"))
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	hashes := []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512}
	sig, _, err := openpgp.VerifyDetachedSignatureAndHash(keys, bytes.NewReader(payload), block.Body, hashes, config)
	switch {
	case err == nil && (sig.SigType != packet.SigTypeBinary || weakPGP(keys, sig)):
		return unverified(codeSignature, message.New("git.pgp.weak"))
	case err == nil:
		return nil
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return unverified(codeSignature, message.New("git.pgp.untrusted"))
	case errors.Is(err, pgperrors.ErrKeyRevoked), errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrSignatureExpired):
		return unverified(codeKey, message.New("git.pgp.not-now", "why", err.Error()))
	}
	return unverified(codeSignature, message.New("git.pgp.invalid", "why", err.Error()))
}

// weakPGP reports whether a signature was made with DSA or a short RSA key.
func weakPGP(keys openpgp.EntityList, sig *packet.Signature) bool {
	switch sig.PubKeyAlgo {
	case packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoECDSA, packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448:
		return false
	case packet.PubKeyAlgoRSA:
		for _, key := range keys.KeysById(*sig.IssuerKeyId) {
			if length, err := key.PublicKey.BitLength(); err != nil || length < 2048 {
				return true
			}
		}
		return false
	default:
		return true
	}
}
