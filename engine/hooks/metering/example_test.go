package metering_test

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

func Example() {
	ctx := context.Background()
	hook := assembly{functions: []assembled{{"run", "->", "", "loop _ br 0 end"}}}.bytes()

	counted, err := metering.Rewrite(hook, metering.DefaultConfig())
	if err != nil {
		fmt.Println(err) // for the hook's author
		return
	}
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	instance, err := runtime.Instantiate(ctx, counted)
	if err != nil {
		fmt.Println(err)
		return
	}
	gauge := metering.Gauge{
		Fuel:    instance.ExportedGlobal(metering.FuelExport).(api.MutableGlobal),
		Depth:   instance.ExportedGlobal(metering.DepthExport).(api.MutableGlobal),
		Reserve: instance.ExportedGlobal(metering.ReserveExport).(api.MutableGlobal),
	}
	gauge.Fill(1_000_000, metering.DefaultDepth)
	if _, err := instance.ExportedFunction("run").Call(ctx); err != nil {
		fmt.Println("out of", gauge.Exhausted())
	}
	// Output: out of fuel
}
