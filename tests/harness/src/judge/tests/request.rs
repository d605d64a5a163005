use super::*;

#[test]
fn the_backend_must_see_what_is_stated() {
    let stated = ExpectedRequest {
        host: Some("a.example".to_owned()),
        method: Some("GET".to_owned()),
        path: Some("/x?y=1".to_owned()),
        headers: map(&[("X-A", "1,2")]),
        absent_headers: vec!["X-B".to_owned()],
        body: Some(b"hello".to_vec()),
        body_size: Some(5),
        trailers: map(&[("X-Sum", "3")]),
    };
    let expected = Expected {
        request: Some(stated),
        ..expected()
    };
    let with = |seen: Seen| Answer {
        seen: Some(seen),
        ..answer(200, &[])
    };
    let fits = with(seen_by("v1"));
    let fails = |change: fn(&mut Seen)| {
        let mut seen = seen_by("v1");
        change(&mut seen);
        with(seen)
    };
    type Change = (fn(&mut Seen), &'static str);
    let changes: [Change; 7] = [
        (
            |seen| seen.method = "PUT".to_owned(),
            "expectedRequest.method: GET / PUT",
        ),
        (
            |seen| seen.authority = "b".to_owned(),
            "expectedRequest.host: a.example / b",
        ),
        (
            |seen| seen.path = "/x".to_owned(),
            "expectedRequest.path: /x?y=1 / /x",
        ),
        (
            |seen| seen.headers.truncate(1),
            "expectedRequest.headers.X-A: 1,2 / 1",
        ),
        (
            |seen| seen.headers.push((b"x-b".to_vec(), b"3".to_vec())),
            "expectedRequest.headers.X-B: (absent) / 3",
        ),
        (
            |seen| seen.body = b"hallo".to_vec(),
            "expectedRequest.body: hello / hallo",
        ),
        (
            |seen| seen.trailers.clear(),
            "expectedRequest.trailers.X-Sum: 3 / (absent)",
        ),
    ];
    for (change, mismatch) in changes {
        both(&expected, &fits, &fails(change), mismatch);
    }
    let none = "expectedRequest: (a backend reached) / (the gateway)";
    assert_eq!(judged(&expected, &answer(200, &[])), [none]);
}
