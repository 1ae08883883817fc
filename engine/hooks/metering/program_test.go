package metering_test

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// program writes random, valid code, rich in the flow of control.
type program struct {
	*rand.Rand
	out    strings.Builder
	labels []int // for each block around the code, how many i32 a branch carries
	budget int   // statements and expressions left
	leaf   bool  // it calls nothing
}

const (
	programLocals = 4 // i32, the first is the parameter
	// Types by index: see randomProgram. Blocks refer to them.
	oneToOne, noneToTwo = 0, 1
)

func (p *program) word(format string, args ...any) { fmt.Fprintf(&p.out, format+" ", args...) }

func (p *program) spent() bool { p.budget--; return p.budget < 0 }

// expr leaves one i32.
func (p *program) expr() {
	if p.spent() {
		p.word("local.get %d", p.Intn(programLocals))
		return
	}
	choice := p.Intn(13)
	if p.leaf && (choice == 7 || choice == 8) {
		choice = 0
	}
	switch choice {
	case 0:
		p.word("i32.const %d", p.Intn(64))
	case 1, 2:
		p.word("local.get %d", p.Intn(programLocals))
	case 3, 4, 5:
		p.expr()
		p.expr()
		p.word("%s", []string{"i32.add", "i32.sub", "i32.mul", "i32.and", "i32.lt_u", "i32.shr_u"}[p.Intn(6)])
	case 6:
		p.expr()
		p.word("i32.const 63 i32.and i32.load 2 0")
	case 7:
		p.expr()
		p.word("call 4")
	case 8:
		p.expr()
		p.word("i32.const 1 call_indirect 0 0")
	case 9: // a block that leaves a value, perhaps early
		p.block("block i32", 1, func() { p.statements(); p.expr() })
	case 10:
		p.expr()
		p.block("if i32", 1, func() { p.expr(); p.word("else"); p.statements(); p.expr() })
	case 11: // a block that leaves two
		p.block(fmt.Sprint("block ", noneToTwo), 2, func() { p.expr(); p.statements(); p.expr() })
		p.word("i32.add")
	case 12: // a loop that takes a value and leaves one
		p.expr()
		p.block(fmt.Sprint("loop ", oneToOne), 1, func() {
			p.word("local.set 1 local.get 1 i32.const 1 i32.shr_u local.tee 2 local.get 1 br_if 0")
		})
	}
}

func (p *program) block(head string, carries int, inner func()) {
	p.word("%s", head)
	p.labels = append(p.labels, carries)
	inner()
	p.labels = p.labels[:len(p.labels)-1]
	p.word("end")
}

func (p *program) statements() {
	for range p.Intn(4) {
		p.statement()
	}
}

// branch goes to some block, with the values that it takes. Loops that take
// none are left out, for otherwise little would end.
func (p *program) branch(op string) {
	depth := p.Intn(len(p.labels))
	carries := p.labels[len(p.labels)-1-depth]
	if carries < 0 {
		p.word("nop")
		return
	}
	for range carries {
		p.expr()
	}
	switch op {
	case "br":
		p.word("br %d", depth)
	case "br_if":
		p.expr()
		p.word("br_if %d", depth)
		p.word("%s", strings.Repeat("drop ", carries))
	case "br_table":
		p.expr()
		p.word("br_table 2 %d %d %d", depth, p.alike(carries), depth)
	}
}

// alike is a block to which a branch carries as many values.
func (p *program) alike(carries int) int {
	depth := p.Intn(len(p.labels))
	for p.labels[len(p.labels)-1-depth] != carries {
		depth = (depth + 1) % len(p.labels)
	}
	return depth
}

// statement leaves nothing.
func (p *program) statement() {
	if p.spent() {
		return
	}
	switch p.Intn(12) {
	case 0, 1, 2:
		p.expr()
		p.word("local.set %d", p.Intn(programLocals))
	case 3:
		p.expr()
		p.word("i32.const 63 i32.and")
		p.expr()
		p.word("i32.store 2 0")
	case 4:
		p.block("block _", 0, p.statements)
	case 5:
		p.expr()
		p.block("if _", 0, p.statements)
	case 6:
		p.expr()
		p.block("if _", 0, func() { p.statements(); p.word("else"); p.statements() })
	case 7: // a loop that counts down
		p.word("i32.const %d local.set 3", p.Intn(8))
		p.block("loop _", -1, func() {
			p.statements()
			p.word("local.get 3 i32.const 1 i32.sub local.tee 3 i32.const 8 i32.lt_u br_if 0")
		})
	case 8:
		p.branch("br_if")
	case 9:
		p.block("block _", 0, func() { p.branch([]string{"br", "br_table"}[p.Intn(2)]); p.statements() })
	case 10:
		p.expr()
		p.block("if _", 0, func() { p.expr(); p.expr(); p.word("return"); p.statements() })
	case 11:
		p.word("i32.const 8 i32.const %d i32.const 16 %s", p.Intn(32), []string{"memory.fill", "memory.copy"}[p.Intn(2)])
	}
}

// randomProgram has two random functions of two results, the first of which
// calls the second through a wrapper of one.
func randomProgram(seed int64) []byte {
	p := &program{Rand: rand.New(rand.NewSource(seed))}
	a := assembly{pages: 1, table: 2, elements: []int{0, 4}}
	var bodies []string
	for i := range 2 {
		p.out.Reset()
		p.leaf, p.labels, p.budget = i == 1, []int{2}, 40+p.Intn(120)
		for range 6 {
			p.statement()
		}
		p.expr()
		p.expr()
		bodies = append(bodies, p.out.String())
	}
	a.functions = []assembled{
		{"run", "i32->i32", "", "local.get 0 call 2 i32.add"},
		{"", "->i32 i32", "", "i32.const 0 call 3"},
		{"", "i32->i32 i32", "i32 i32 i32", bodies[0]},
		{"", "i32->i32 i32", "i32 i32 i32", bodies[1]},
		{"", "i32->i32", "", "local.get 0 call 3 i32.sub"},
	}
	return a.bytes()
}

// FuzzProgram does for random, valid programs what FuzzRewrite does for bytes.
func FuzzProgram(f *testing.F) {
	for seed := range int64(200) {
		f.Add(seed)
	}
	config := metering.DefaultConfig()
	f.Fuzz(func(t *testing.T, seed int64) {
		module := randomProgram(seed)
		if _, err := metering.Walk(module, config.Limits, rand.New(rand.NewSource(seed))); err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(16).WithDebugInfoEnabled(false))
		defer r.Close(ctx)
		var instances [2]api.Module
		for i, b := range [][]byte{module, mustRewrite(t, module, config)} {
			m, err := r.InstantiateWithConfig(ctx, b, wazero.NewModuleConfig().WithName(""))
			if err != nil {
				t.Fatal(err)
			}
			instances[i] = m
		}
		meter := gauge(t, instances[1])
		for _, arg := range []uint64{0, 1, 7, 1 << 31} {
			meter.Fill(1_000_000, 500)
			got, gotErr := instances[1].ExportedFunction("run").Call(ctx, arg)
			if meter.Exhausted() != metering.Neither {
				return // as it is it might never end
			}
			want, wantErr := instances[0].ExportedFunction("run").Call(ctx, arg)
			if !slices.Equal(got, want) || trap(gotErr) != trap(wantErr) {
				t.Fatalf("run(%d): as it is: %x, %v; rewritten: %x, %v", arg, want, wantErr, got, gotErr)
			}
			if string(memory(instances[0])) != string(memory(instances[1])) {
				t.Fatalf("run(%d): the memories differ", arg)
			}
			if gotErr == nil && int32(meter.Depth.Get()) != 500 {
				t.Fatalf("run(%d): the depth is %d after it", arg, int32(meter.Depth.Get()))
			}
			if gotErr != nil {
				return
			}
		}
	})
}
