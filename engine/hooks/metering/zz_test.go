package metering_test
import ("testing";"path/filepath";"encoding/json";"os")
func TestZZ(t *testing.T){
 n:=map[string]int{}
 s,_:=filepath.Glob(filepath.Join(specFolder(t),"v2","testdata","*.json"))
 for _,f:=range s { b,_:=os.ReadFile(f); var spec struct{Commands []specCommand}; if err:=json.Unmarshal(b,&spec);err!=nil{t.Fatal(err)}; for _,c:=range spec.Commands {n[c.Type]++; if c.Type=="assert_exhaustion"{t.Log(f,c.Line)}}}
 t.Log(len(s),n)
}
