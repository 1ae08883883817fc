package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/twinbox/twinbox/engine"
)

// bare is a hook in wazero as it comes: nothing is metered, limited or checked.
// It is the floor for the engine's calls.
type bare struct {
	runtime wazero.Runtime
	module  api.Module
	alloc   api.Function
	done    api.Function // nil if the hook has none
	stack   [2]uint64
	out     []byte
}

func openBare(ctx context.Context, module []byte) (*bare, error) {
	b := &bare{runtime: wazero.NewRuntime(ctx)}
	if err := b.open(ctx, module); err != nil {
		return nil, errors.Join(err, b.close(ctx))
	}
	return b, nil
}

func (b *bare) open(ctx context.Context, module []byte) (err error) {
	if _, err = wasi_snapshot_preview1.Instantiate(ctx, b.runtime); err != nil {
		return err
	}
	log := b.runtime.NewHostModuleBuilder("engine").NewFunctionBuilder().WithFunc(func(uint32, uint32, uint32) {}).Export("log")
	if _, err = log.Instantiate(ctx); err != nil {
		return err
	}
	if b.module, err = b.runtime.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithStartFunctions("_initialize")); err != nil {
		return err
	}
	b.alloc, b.done = b.module.ExportedFunction("hook_alloc"), b.module.ExportedFunction("hook_done")
	return nil
}

func (b *bare) close(ctx context.Context) error { return b.runtime.Close(ctx) }

// call returns a copy of the answer that holds until the next call.
func (b *bare) call(ctx context.Context, f api.Function, input []byte) ([]byte, error) {
	b.stack[0] = uint64(len(input))
	if err := b.alloc.CallWithStack(ctx, b.stack[:]); err != nil {
		return nil, err
	}
	b.module.Memory().Write(uint32(b.stack[0]), input)
	b.stack[1] = uint64(len(input))
	if err := f.CallWithStack(ctx, b.stack[:]); err != nil {
		return nil, err
	}
	answer, _ := b.module.Memory().Read(uint32(b.stack[0]>>32), uint32(b.stack[0]))
	b.out = append(b.out[:0], answer...)
	if b.done == nil {
		return b.out, nil
	}
	return b.out, b.done.CallWithStack(ctx, nil)
}

func (b *bare) pass(ctx context.Context, _ int) (sample, error) {
	input, err := chatInput(ctx)
	if err != nil {
		return sample{}, err
	}
	f := b.module.ExportedFunction("on_message")
	return measureBatches(passes/1000, 1000, func() error { return expect(ctx, b, f, input, nil) })
}

func (b *bare) rewrite(ctx context.Context, _ int) (sample, error) {
	input, err := chatInput(ctx)
	if err != nil {
		return sample{}, err
	}
	f := b.module.ExportedFunction("on_message")
	return measure(1, rewrites, func(int, int) error { return expect(ctx, b, f, input, []byte("PULL REQUEST")) })
}

func (b *bare) megabyte(ctx context.Context, _ int) (sample, error) {
	s, err := engine.NewHookSubject(engine.HookOnAttachment, engine.HookSample{Bytes: bytes.Repeat([]byte{7}, 1<<20)})
	if err != nil {
		return sample{}, err
	}
	input, err := s.AppendInput(ctx, nil)
	if err != nil {
		return sample{}, err
	}
	want := binary.LittleEndian.AppendUint32(nil, uint32(len(`{"action":"replace","bytes":"replace"}`)))
	f := b.module.ExportedFunction("on_attachment")
	return measure(1, megabytes, func(int, int) error { return expect(ctx, b, f, input, want) })
}

// expect calls f and fails if the answer lacks want, or is not nothing if that
// is wanted.
func expect(ctx context.Context, b *bare, f api.Function, input, want []byte) error {
	out, err := b.call(ctx, f, input)
	if err == nil && (!bytes.Contains(out, want) || want == nil && len(out) > 0) {
		err = fmt.Errorf("the hook answered %.200q", out)
	}
	return err
}
