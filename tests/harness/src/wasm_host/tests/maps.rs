use super::*;

const NAMES: &str = r#"(data (i32.const 100) "X-Multi") (data (i32.const 110) "accept")
    (data (i32.const 120) "empty") (data (i32.const 130) "new") (data (i32.const 140) ":path")"#;

#[test]
fn a_value_is_the_first_entry_and_an_empty_one_a_null_pointer() {
    let wasm = probe::on_request(
        r#"(call $status (call $get (i32.const 0) (i32.const 100) (i32.const 7) (i32.const 0) (i32.const 4)))
           (call $given)
           (call $status (call $get (i32.const 0) (i32.const 120) (i32.const 5) (i32.const 0) (i32.const 4)))
           (call $status (i32.load (i32.const 0)))
           (call $status (call $get (i32.const 0) (i32.const 130) (i32.const 3) (i32.const 0) (i32.const 4)))
           (call $status (call $get (i32.const 8) (i32.const 130) (i32.const 3) (i32.const 0) (i32.const 4)))"#,
        NAMES,
    );
    let mut stream = stream(&[("x-multi", "one"), ("x-multi", "two"), ("empty", "")]);
    assert_eq!(asked(&wasm, &mut stream), ["0", "one", "0", "0", "1", "2"]);
    assert!(!stream.route_cleared);
}

#[test]
fn writes_act_as_envoys_map_and_clear_the_route_cache() {
    let writes = [
        (
            "$add (i32.const 0) (i32.const 110) (i32.const 6)",
            "accept=a,new",
        ),
        (
            "$add (i32.const 0) (i32.const 100) (i32.const 7)",
            "x-multi=new",
        ),
        (
            "$set (i32.const 0) (i32.const 100) (i32.const 7)",
            "x-multi=new",
        ),
    ];
    for (write, expected) in writes {
        let body = format!("(call $status (call {write} (i32.const 130) (i32.const 3)))");
        let mut stream = stream(&[("accept", "a"), ("x-multi", "1"), ("x-multi", "2")]);
        assert_eq!(asked(&probe::on_request(&body, NAMES), &mut stream), ["0"]);
        let headers = stream.request_headers.iter();
        let headers: Vec<_> = headers
            .map(|(n, v)| format!("{}={}", n.escape_ascii(), v.escape_ascii()))
            .collect();
        assert!(headers.iter().any(|h| h == expected), "{headers:?}");
        assert!(stream.route_cleared);
    }
    let body = "(call $status (call $remove (i32.const 0) (i32.const 130) (i32.const 3)))";
    let mut nothing = stream(&[]);
    assert_eq!(asked(&probe::on_request(body, NAMES), &mut nothing), ["0"]);
    assert!(nothing.route_cleared, "removing what is absent clears too");
}

#[test]
fn maps_of_other_phases_are_bad_arguments_but_their_pairs_empty() {
    let wasm = probe::on_request(
        r#"(call $status (call $get (i32.const 2) (i32.const 110) (i32.const 6) (i32.const 0) (i32.const 4)))
           (call $status (call $add (i32.const 2) (i32.const 110) (i32.const 6) (i32.const 110) (i32.const 6)))
           (call $status (call $map_size (i32.const 2) (i32.const 4)))
           (i32.store (i32.const 0) (i32.const 5))
           (call $status (call $pairs (i32.const 2) (i32.const 0) (i32.const 4)))
           (call $status (i32.load (i32.const 0)))
           (call $status (call $map_size (i32.const 0) (i32.const 4)))
           (call $status (i32.load (i32.const 4)))"#,
        NAMES,
    );
    let said = asked(&wasm, &mut stream(&[("a", "bcd")]));
    assert_eq!(said, ["2", "2", "2", "0", "0", "0", "4"]);
}

#[test]
fn a_thousand_and_twenty_five_pairs_empty_the_map() {
    // Sizes and texts are zeros: each pair takes ten bytes and has an empty name and value.
    let body = |count: u32| {
        format!(
            "(i32.store (i32.const 2000) (i32.const {count}))
             (call $status (call $set_pairs (i32.const 0) (i32.const 2000) (i32.const {})))",
            4 + count * 10
        )
    };
    let mut within = stream(&[("a", "b")]);
    assert_eq!(
        asked(&probe::on_request(&body(1024), ""), &mut within),
        ["0"]
    );
    assert_eq!(within.request_headers.len(), 1024);
    let mut beyond = stream(&[("a", "b")]);
    assert_eq!(
        asked(&probe::on_request(&body(1025), ""), &mut beyond),
        ["0"]
    );
    assert!(beyond.request_headers.is_empty());
}

#[test]
fn headers_are_out_of_reach_after_continue_and_back_in_on_log() {
    let read = "(call $status (call $get (i32.const 0) (i32.const 110) (i32.const 6)
                  (i32.const 0) (i32.const 4)))";
    let write = "(call $status (call $add (i32.const 0) (i32.const 110) (i32.const 6)
                   (i32.const 110) (i32.const 6)))";
    let wasm = probe::guest(&format!(
        r#"{NAMES}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {read} (i32.const 0))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) {read} {write} (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {read} (i32.const 0))
        (func (export "proxy_on_log") (param i32) {read} {write}
          (call $status (call $get (i32.const 1) (i32.const 110) (i32.const 6) (i32.const 0) (i32.const 4))))
        (func (export "proxy_on_done") (param i32) (result i32) {read} (i32.const 1))"#
    ));
    let mut vm = start(&wasm);
    let mut stream = stream(&[("accept", "a")]);
    let context = vm.create_stream(&mut stream);
    vm.on_request_headers(context, &mut stream, false).unwrap();
    vm.on_request_body(context, &mut stream, true).unwrap();
    vm.on_response_headers(context, &mut stream, true).unwrap();
    vm.on_log(context, &mut stream).unwrap();
    vm.end_stream(context, &mut stream).unwrap();
    assert_eq!(said(&mut vm), ["0", "2", "2", "2", "0", "2", "1", "2"]);
}

#[test]
fn bodies_are_prepended_replaced_and_appended() {
    let change = |start: u32, size: u32| {
        let wasm = probe::guest(&format!(
            r#"(data (i32.const 100) "new")
            (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
              (call $status (call $set_buffer (i32.const 0) (i32.const {start}) (i32.const {size})
                (i32.const 100) (i32.const 3)))
              (i32.const 0))"#
        ));
        let mut vm = start_in(&Arc::default(), &wasm);
        let mut stream = stream(&[]);
        let context = vm.create_stream(&mut stream);
        stream.request_body = b"body".to_vec();
        vm.on_request_body(context, &mut stream, true).unwrap();
        let status = said(&mut vm).concat();
        (
            status,
            String::from_utf8(stream.request_body.clone()).unwrap(),
        )
    };
    let result = |status: &str, body: &str| (status.to_owned(), body.to_owned());
    assert_eq!(change(0, 0), result("0", "newbody"));
    assert_eq!(change(0, 4), result("0", "new"));
    assert_eq!(change(4, 0), result("0", "bodynew"));
    assert_eq!(change(1, 1), result("2", "body"));
    assert_eq!(change(0, 3), result("2", "body"));
}

#[test]
fn buffers_of_other_phases_are_empty_or_absent() {
    let get = |which: u32| {
        format!(
            "(call $status (call $buffer (i32.const {which}) (i32.const 0) (i32.const 9)
               (i32.const 0) (i32.const 4)))"
        )
    };
    let body = [
        "(i32.store (i32.const 0) (i32.const 7))",
        &get(0),
        "(call $status (i32.load (i32.const 0)))",
        &get(4),
        &get(5),
        &get(7),
        &get(8),
        &get(9),
        "(call $status (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))",
        "(call $status (call $continue (i32.const 2)))",
        "(call $status (call $continue (i32.const 4)))",
    ];
    let wasm = probe::on_request(&body.concat(), "");
    let said = asked(&wasm, &mut stream(&[])).concat();
    assert_eq!(said, "0010102202");
}
