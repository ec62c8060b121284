// A judge of a log that knows nothing of this project: the note and tree code of Go's checksum
// database. It reads what is claimed as JSON on stdin, and says on stdout what it believes.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Claim is what a log says, and why one should believe it. Hashes are base64.
type Claim struct {
	Key         string           `json:"key"`   // verifier key, as C2SP signed-note writes it
	Older       string           `json:"older"` // a checkpoint
	Newer       string           `json:"newer"` // a later one
	Consistency tlog.TreeProof   `json:"consistency"`
	Record      string           `json:"record"`
	Index       int64            `json:"index"`
	Inclusion   tlog.RecordProof `json:"inclusion"`
}

// tree is what a checkpoint says, if the key signed it.
func tree(key, checkpoint string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	var said tlog.Tree
	if _, err := fmt.Sscan(lines[1], &said.N); err != nil {
		return said, err
	}
	said.Hash, err = tlog.ParseHash(lines[2])
	return said, err
}

func judge(claim Claim) error {
	older, err := tree(claim.Key, claim.Older)
	if err != nil {
		return fmt.Errorf("older checkpoint: %w", err)
	}
	newer, err := tree(claim.Key, claim.Newer)
	if err != nil {
		return fmt.Errorf("newer checkpoint: %w", err)
	}
	if err := tlog.CheckTree(claim.Consistency, newer.N, newer.Hash, older.N, older.Hash); err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	leaf := tlog.RecordHash([]byte(claim.Record))
	if err := tlog.CheckRecord(claim.Inclusion, newer.N, newer.Hash, claim.Index, leaf); err != nil {
		return fmt.Errorf("inclusion: %w", err)
	}
	return nil
}

func main() {
	decoder := json.NewDecoder(os.Stdin)
	for decoder.More() {
		var claim Claim
		if err := decoder.Decode(&claim); err != nil {
			log.Fatal(err)
		}
		if err := judge(claim); err != nil {
			fmt.Println("refused:", err)
		} else {
			fmt.Println("believed")
		}
	}
}
